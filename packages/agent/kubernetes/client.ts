/**
 * Raw JSON to and from an API server. @kubernetes/client-node is used for its configuration and authentication only: its
 * typed models drop what they do not know, `ingress[].from` of a NetworkPolicy among it, which then lets everybody in; and
 * its watch ends after 30 s of silence.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, type RequestOptions, request } from "node:https";
import { createInterface } from "node:readline";
import { KubeConfig } from "@kubernetes/client-node";
import type { KubeList, KubeObject } from "./types.ts";

export const FIELD_MANAGER = "cloudify-agent";
const REQUEST_MS = 15_000;
/** A stream says something about each minute (bookmarks); one that is silent for longer is dead. */
const SILENCE_MS = 90_000;
const PAGE = 500;

/** What the server answered instead of a result. */
export class KubeError extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

type PatchType = "apply-patch+yaml" | "json-patch+json";
export interface Precondition {
  uid: string;
  resourceVersion?: string;
}

export class Kube {
  readonly #config = new KubeConfig();
  #agent: { identity: string; agent: Agent } | null = null;

  /** @param file A kubeconfig; `null`: `KUBECONFIG`, or else the ServiceAccount of the pod that this runs in. */
  constructor(file: string | null) {
    if (file === null) this.#config.loadFromDefault();
    else this.#config.loadFromFile(file);
  }

  /** @returns `null` when there is none. */
  async get<T = KubeObject>(path: string): Promise<T | null> {
    try {
      return await this.#json<T>("GET", path);
    } catch (error) {
      if (error instanceof KubeError && error.code === 404) return null;
      throw error;
    }
  }

  /** All pages, and the version to watch from. */
  async list<T extends KubeObject>(path: string, query: Record<string, string>): Promise<KubeList<T>> {
    const items: T[] = [];
    for (let next: string | undefined; ; ) {
      const words = new URLSearchParams({ ...query, limit: String(PAGE), ...(next && { continue: next }) });
      const page = await this.#json<KubeList<T>>("GET", `${path}?${words}`);
      items.push(...page.items);
      next = page.metadata.continue;
      if (!next) return { ...page, items };
    }
  }

  /** @throws {KubeError} 409 when it is there already. */
  create(path: string, object: KubeObject): Promise<KubeObject> {
    return this.#json("POST", `${path}?fieldManager=${FIELD_MANAGER}`, object);
  }

  /** Server-side apply: takes over what it names, and removes what it named before. */
  apply(path: string, object: KubeObject): Promise<KubeObject> {
    const query = `fieldManager=${FIELD_MANAGER}&force=true&fieldValidation=Strict`;
    return this.#json("PATCH", `${path}?${query}`, object, "apply-patch+yaml");
  }

  patch(path: string, operations: readonly object[]): Promise<KubeObject> {
    return this.#json("PATCH", path, operations, "json-patch+json");
  }

  put(path: string, object: KubeObject): Promise<KubeObject> {
    return this.#json("PUT", `${path}?fieldManager=${FIELD_MANAGER}`, object);
  }

  /** In the background: what it owns goes after it. */
  async remove(path: string, preconditions: Precondition, graceSeconds?: number): Promise<void> {
    const grace = graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds };
    await this.#json("DELETE", path, { preconditions, propagationPolicy: "Background", ...grace });
  }

  /** The lines of an answer while they come. @throws {KubeError} When the server refuses; an error of the connection. */
  async *lines(path: string, signal: AbortSignal): AsyncGenerator<string> {
    const answer = await this.#send("GET", path, undefined, undefined, SILENCE_MS, signal);
    if ((answer.statusCode ?? 500) >= 300) throw await refusal(answer);
    try {
      yield* createInterface({ input: answer, crlfDelay: Number.POSITIVE_INFINITY });
      if (!answer.complete) throw new Error("the stream broke off");
    } finally {
      answer.destroy();
    }
  }

  async #json<T>(method: string, path: string, body?: object, type?: PatchType): Promise<T> {
    const answer = await this.#send(method, path, body, type, REQUEST_MS);
    if ((answer.statusCode ?? 500) >= 300) throw await refusal(answer);
    return JSON.parse(await textOf(answer)) as T;
  }

  async #send(
    method: string,
    path: string,
    body: object | undefined,
    type: PatchType | undefined,
    silenceMs: number,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const cluster = this.#config.getCurrentCluster();
    if (!cluster) throw new Error("the kubeconfig names no cluster");
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const data = body === undefined ? "" : JSON.stringify(body);
    const content = {
      "content-type": type ? `application/${type}` : "application/json",
      // Node leaves it out on DELETE, and the server then answers 400.
      "content-length": String(Buffer.byteLength(data)),
    };
    const headers = {
      ...(options.headers as Record<string, string> | undefined),
      accept: "application/json",
      "user-agent": FIELD_MANAGER,
      ...(data && content),
    };
    const agent = cluster.proxyUrl ? options.agent : this.#keptAlive(options);
    const asked = request(cluster.server + path, {
      ...options,
      agent,
      method,
      headers,
      timeout: silenceMs,
      ...(signal && { signal }),
    });
    asked.on("timeout", () => asked.destroy(new Error(`no answer for ${silenceMs} ms`)));
    asked.end(data);
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    // An error after the head is the stream's to tell.
    asked.on("error", (error) => answer.destroy(error));
    return answer;
  }

  /** The library makes an agent for each call, and with it a handshake; ours lives as long as the certificates. */
  #keptAlive(options: RequestOptions): Agent {
    const { ca, cert, key, rejectUnauthorized, servername } = options;
    const identity = createHash("sha256").update(`${ca}\n${cert}\n${key}`).digest("hex");
    if (this.#agent?.identity !== identity) {
      const given = Object.fromEntries(
        Object.entries({ ca, cert, key, rejectUnauthorized, servername }).filter(
          ([, one]) => one !== undefined,
        ),
      );
      this.#agent?.agent.destroy();
      this.#agent = { identity, agent: new Agent({ keepAlive: true, ...given }) };
    }
    return this.#agent.agent;
  }

  close(): void {
    this.#agent?.agent.destroy();
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function refusal(answer: IncomingMessage): Promise<KubeError> {
  const code = answer.statusCode ?? 500;
  const text = await textOf(answer);
  try {
    const status = JSON.parse(text) as { reason?: string; message?: string };
    return new KubeError(code, status.reason ?? "", status.message ?? text);
  } catch {
    return new KubeError(code, "", text.slice(0, 500));
  }
}
