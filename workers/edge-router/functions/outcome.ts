/**
 * The one line that each call of a function leaves, whatever its function wrote:
 *
 *     GET /api/hello 200 in 12 ms, cold, isolate 3f2a, request req_…
 *     GET /api/hello 500 in 9 ms, warm, isolate 3f2a, request req_…, function_failed: The function threw an error.
 *     GET /api/node 200 in 31 ms, region iad after fra (refused), request req_…
 */
import type { Problem } from "#core/problem.ts";
import type { Traced } from "./traced.ts";

export interface Outcome {
  method: string;
  /** Without the query, which may hold what is not for a log. */
  path: string;
  /** To the first byte of the answer. */
  ms: number;
  /** Where it ran; `null`: it came to no place. */
  where: string | null;
  requestId: string;
  /** Unix milliseconds. */
  at: number;
}

export type Ended = { ok: true; status: number } | { ok: false; problem: Problem; linesLost: boolean };

export function outcomeLines({ method, path, ms, where, requestId, at }: Outcome, ended: Ended): Traced[] {
  const status = ended.ok ? ended.status : ended.problem.status;
  const place = where === null ? "" : `${where}, `;
  const why = ended.ok ? "" : `, ${ended.problem.code}: ${ended.problem.message}`;
  const text = `${method} ${path} ${status} in ${ms} ms, ${place}request ${requestId}${why}`;
  const lost = !ended.ok && ended.linesLost ? [{ level: "warn" as const, text: LOST, at }] : [];
  return [...lost, { level: status >= 500 ? "error" : "info", text, at }];
}

/** An isolate hands lines over when it gives its thread back, which this one did not. */
const LOST = "What it last wrote to the console in this call is lost: its process was ended while it ran.";
