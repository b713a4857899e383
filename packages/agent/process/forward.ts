/** One request to a workload's process or pod, and its answer back. */
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { INGRESS_FAULT_HEADER, type IngressFault } from "@cloudify/protocol";
import { type Limit, limitOf, STATUS } from "./faults.ts";
import { coldHeader, fromWorkload, hasBody, toWorkload } from "./headers.ts";
import type { Acquired, Place, Target } from "./target.ts";

const SAFE = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);
/** An instance that was just replaced, or has just ended, is no reason to fail. */
const ATTEMPTS = 3;

export async function forward(
  req: IncomingMessage,
  res: ServerResponse,
  target: Target,
  path: string,
): Promise<void> {
  const limit = limitOf(req, res);
  const isRepeatable = SAFE.has(req.method ?? "GET") && !hasBody(req.rawHeaders);
  let coldMs: number | null = null;
  for (let attempt = 1; ; attempt++) {
    const acquired = await target.acquire(limit.signal);
    if (!acquired.ok) {
      if (acquired.fault === "unreachable") res.setHeader("Retry-After", "1");
      return fail(res, acquired.fault, acquired.detail);
    }
    coldMs ??= acquired.coldMs;
    const end = await ask(acquired, { req, res, path, coldMs, isRepeatable, kind: target.kind, limit });
    acquired.release();
    if (end === "done") return;
    if (end === "leaving" || end === "unsent") await target.retire(acquired.instance);
    const isAskable =
      end === "unsent" ||
      end === "leaving" ||
      (isRepeatable && (end === "stale" || (await isInnocent(end, target, acquired.instance))));
    if (isAskable && attempt < ATTEMPTS && !limit.signal.aborted) continue;
    const [fault, detail] = TOLD[end];
    return fail(res, fault, detail, coldMs);
  }
}

/**
 * `done`: it has answered, or nobody waits for the answer any more. `unsent`: it took no connection. `stale`: it closed a
 * connection that was kept, which says nothing of the request. `broken`: another request's connection had broken before this
 * one was sent: if it ends, that was why. `leaving`: it takes no more requests, and has not begun this one.
 */
type End = "done" | "unsent" | "leaving" | "stale" | "broken" | "crashed" | "timeout";

/** Whether its process ended for no doing of this request: another's had broken off before, or this one was never begun. */
async function isInnocent(end: End, target: Target, place: Place): Promise<boolean> {
  if ((end !== "broken" && end !== "crashed") || place.isHung) return false;
  // Of a service nobody hears what it had begun.
  if (end === "crashed" && target.kind === "service") return false;
  return (await target.isEnding(place)) && (end === "broken" || place.isDrained);
}

const TOLD: Record<Exclude<End, "done">, [IngressFault, string]> = {
  unsent: ["unreachable", "Its process takes no connection."],
  leaving: ["draining", "Its process is about to end."],
  stale: ["crashed", "Its process closed the connection."],
  broken: ["crashed", "Its process ended before it answered."],
  crashed: ["crashed", "Its process ended before it answered."],
  timeout: ["timeout", "It did not answer in time."],
};

export function fail(
  res: ServerResponse,
  fault: IngressFault,
  detail: string,
  coldMs: number | null = null,
): void {
  if (res.headersSent) return void res.destroy();
  const headers = ["Content-Type", "text/plain; charset=utf-8", INGRESS_FAULT_HEADER, fault];
  for (const name of res.getHeaderNames()) headers.push(name, String(res.getHeader(name)));
  res.writeHead(STATUS[fault], [...headers, ...coldHeader(coldMs)]).end(`${detail}\n`);
}

interface Asked {
  req: IncomingMessage;
  res: ServerResponse;
  path: string;
  coldMs: number | null;
  isRepeatable: boolean;
  kind: Target["kind"];
  limit: Limit;
}

function ask(
  { instance }: Acquired & { ok: true },
  { req, res, path, coldMs, isRepeatable, kind, limit }: Asked,
): Promise<End> {
  const wasBroken = instance.isBroken;
  return new Promise((resolve) => {
    const asked = request({
      ...instance.address,
      method: req.method,
      path,
      headers: toWorkload(req.rawHeaders, kind, null),
      // A kept connection may be closed at this very moment: only what can be asked twice is sent on one.
      agent: isRepeatable ? instance.agent : false,
      setHost: false,
    });
    const abort = () => {
      asked.destroy();
      resolve(limit.signal.reason === "timeout" ? "timeout" : "done");
    };
    if (limit.signal.aborted) return abort();
    limit.signal.addEventListener("abort", abort, { once: true });

    let isSent = false;
    let isAnswered = false;
    asked.on("socket", (socket) => {
      const send = () => {
        isSent = true;
        // Only here: a body that has begun to flow can't be sent again.
        if (hasBody(req.rawHeaders)) req.pipe(asked);
      };
      if (socket.connecting) socket.once("connect", send);
      else send();
    });
    asked.on("response", (answer) => {
      isAnswered = true;
      // A body that was sent is gone; whoever has it yet may send it elsewhere.
      if (
        kind !== "service" &&
        answer.headers[INGRESS_FAULT_HEADER] === "draining" &&
        !hasBody(req.rawHeaders)
      ) {
        limit.signal.removeEventListener("abort", abort);
        answer.resume();
        return resolve("leaving");
      }
      limit.isMet();
      res.writeHead(
        answer.statusCode ?? 502,
        answer.statusMessage,
        fromWorkload(answer.rawHeaders, kind, coldMs),
      );
      // The head goes at once: the body of a stream may be long in coming.
      res.flushHeaders();
      answer.pipe(res);
      answer.once("error", () => res.destroy());
      // Cut off inside of the answer: the caller must see that it is not whole.
      answer.once("close", () => answer.complete || res.destroy());
      res.once("close", () => {
        asked.destroy();
        resolve("done");
      });
    });
    asked.on("error", () => {
      // What ails the request behind an answer is that the workload did not want the rest of it.
      if (isAnswered) return;
      limit.signal.removeEventListener("abort", abort);
      if (!isSent) return resolve("unsent");
      instance.isBroken = true;
      if (instance.isHung) resolve("crashed");
      else if (asked.reusedSocket) resolve("stale");
      else resolve(wasBroken ? "broken" : "crashed");
    });
    if (hasBody(req.rawHeaders)) asked.flushHeaders();
    else asked.end();
  });
}
