/** What the ingress says when no workload has answered, and how long it waits for one. */
import type { IncomingMessage } from "node:http";
import { type IngressFault, TIMEOUT_HEADER } from "@cloudify/protocol";

export const STATUS: Record<IngressFault, number> = {
  // As for what there is not: strangers are not told what runs here.
  denied: 404,
  absent: 503,
  starting: 503,
  draining: 503,
  unreachable: 502,
  crashed: 502,
  threw: 500,
  timeout: 504,
};

/** To the first byte, when the caller names no time. */
const DEFAULT_TIMEOUT_MS = 300_000;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export interface Limit {
  /** Aborted, with the reason, when the time to the first byte is over or the client is gone. */
  signal: AbortSignal;
  /** The first byte is there. */
  isMet(): void;
}

/** @param end What is closed when the client is gone. */
export function limitOf(req: IncomingMessage, end: NodeJS.EventEmitter): Limit {
  const over = new AbortController();
  const named = Number(req.headers[TIMEOUT_HEADER]);
  const timeout = named > 0 ? Math.min(named, MAX_TIMEOUT_MS) : DEFAULT_TIMEOUT_MS;
  const timer = setTimeout(() => over.abort("timeout"), timeout);
  end.once("close", () => {
    clearTimeout(timer);
    over.abort("gone");
  });
  return { signal: over.signal, isMet: () => clearTimeout(timer) };
}
