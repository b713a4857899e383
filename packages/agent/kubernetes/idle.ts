/** Asks a pod for how long nobody has asked it. It alone knows, and goes on knowing when the agent is started anew. */
import { get } from "node:http";
import { POD } from "./pod-contract.ts";

const ANSWER_MS = 2_000;
const MAX_CHARS = 32;

/** @returns Milliseconds, 0 while somebody waits for an answer; `null` when it does not say. */
export function askIdle(host: string): Promise<number | null> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const options = { host, port: POD.probePort, path: POD.idlePath, agent: false, signal };
    const asked = get(options, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part: string) => {
        text += part;
        if (text.length > MAX_CHARS) asked.destroy();
      });
      answer.once("close", () => {
        const isSaid = answer.complete && answer.statusCode === 200 && /^\d+$/.test(text);
        resolve(isSaid ? Number(text) : null);
      });
    });
    asked.once("error", () => resolve(null));
  });
}
