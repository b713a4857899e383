/** A client of the API server for the stand-in kubelet; not the agent's own, for that is what is tested. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { createInterface } from "node:readline";

// biome-ignore lint/suspicious/noExplicitAny: objects of many kinds, of which each reader knows what it reads
export type Any = any;

export class Api {
  readonly #server: string;
  readonly #token: string;
  readonly #agent: Agent;

  constructor(server: string, token: string, authority: string) {
    this.#server = server;
    this.#token = token;
    this.#agent = new Agent({ keepAlive: true, ca: authority });
  }

  close(): void {
    this.#agent.destroy();
  }

  async send(
    method: string,
    path: string,
    body?: object,
    type = "json",
  ): Promise<{ code: number; body: Any }> {
    const answer = await this.#ask(method, path, body, type);
    let text = "";
    for await (const chunk of answer) text += chunk;
    return { code: answer.statusCode ?? 0, body: text === "" ? null : JSON.parse(text) };
  }

  async *watch(path: string, signal: AbortSignal): AsyncGenerator<{ type: string; object: Any }> {
    const answer = await this.#ask("GET", path, undefined, "json", signal);
    for await (const line of createInterface({ input: answer })) yield JSON.parse(line);
  }

  async #ask(
    method: string,
    path: string,
    body: object | undefined,
    type: string,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const data = body ? JSON.stringify(body) : "";
    const headers = {
      authorization: `Bearer ${this.#token}`,
      accept: "application/json",
      "user-agent": "kubelet",
      ...(body && { "content-type": `application/${type}`, "content-length": Buffer.byteLength(data) }),
    };
    const options = { method, headers, agent: this.#agent, ...(signal && { signal }) };
    const asked = request(this.#server + path, options);
    asked.end(data);
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    asked.on("error", (error) => answer.destroy(error));
    return answer;
  }
}
