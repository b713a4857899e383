/** Calls one function, and makes of every way that it can go wrong a clear answer. */
import type { Fields } from "#core/headers.ts";
import { Problem } from "#core/problem.ts";
import { SECOND } from "#core/time.ts";
import {
  ALIVE,
  CALL_HEADER,
  encodeHead,
  FAULT_HEADER,
  type Fault,
  HEAD_HEADER,
  HOPS_HEADER,
  KEY_HEADER,
  PROCESS_HEADER,
  RETIRE_HEADER,
  START_HEADER,
} from "#features/functions/call.ts";
import type { Place } from "#features/functions/circuit.ts";
import { LONGEST_MS } from "#features/functions/durations.ts";
import { REASONS } from "#features/functions/suspects.ts";
import { accepted, type Made } from "../answer.ts";
import type { Env } from "../env.ts";
import type { Scope } from "../scope.ts";
import { headOf, isShort, limited, MAX_HEADER_BYTES } from "./answers.ts";
import { type Alive, broke, enter, hasEnded, type Reach, type Seat } from "./processes.ts";

/** To the first byte of the answer. */
export const ANSWER_MS = 25 * SECOND;

export type Ran =
  | { ok: true; made: Made; isolate: Isolate }
  | {
      ok: false;
      problem: Problem;
      retryAfter: number | null;
      /** Its process ended under it, with what it had written. */
      linesLost: boolean;
      /** `null`: it came to none, or none answered. */
      isolate: Isolate | null;
    };

/** Where a call ran. */
export interface Isolate {
  /** Its short name. */
  name: string;
  isCold: boolean;
}

/** What a function is asked. */
export interface Question {
  url: string;
  method: string;
  headers: Fields;
  body: ReadableStream | null;
  hops: number;
  /** The call, encoded. */
  call: string;
}

/** @param code See `codeIdOf`. A second try gets only a question without a body. */
export async function run(scope: Scope, code: string, asked: Question): Promise<Ran> {
  const isRepeatable = asked.body === null && ["GET", "HEAD", "OPTIONS"].includes(asked.method);
  const reach = reachOf(scope.env);
  for (let tries = 1; ; tries++) {
    const entered = await enter(code, scope.isFromQuarantine, scope.clock, reach);
    if (!entered.ok) {
      if (entered.reason === "away")
        return refuse("unavailable", "What runs functions does not answer.", AGAIN);
      const seconds = Math.max(1, Math.ceil((entered.retryAt - scope.clock.now()) / SECOND));
      return refuse(
        "function_unresponsive",
        "The function stopped its isolate twice, so it is not called.",
        MEND,
        seconds,
        tries > 1,
      );
    }
    const { seat } = entered;
    const left = await once(scope, code, asked, seat);
    if (left.ok || left.problem.code !== "upstream_failed") return left;
    if (!(await hasEnded(seat, scope.clock, reach))) {
      if (isRepeatable && tries === 1) continue;
      return refuse("function_failed", asked.body === null ? BROKEN : `${BROKEN}${OR_ASKED}`, WHOLE);
    }
    // Its process ended under it: its neighbour's fault, or its own; in quarantine that shows.
    if (!isRepeatable)
      return lost(refuse("function_unresponsive", "The process of the function ended while it ran.", MEND));
    if (tries === 3)
      return lost(
        refuse("function_unresponsive", "The function does not respond; its process was ended.", MEND),
      );
  }
}

async function once(scope: Scope, code: string, asked: Question, seat: Seat): Promise<Ran> {
  try {
    const { url, method, headers, body } = asked;
    const told: Record<string, string> = {};
    told[CALL_HEADER] = asked.call;
    told[KEY_HEADER] = scope.env.INTERNAL_KEY ?? "";
    told[HEAD_HEADER] = encodeHead(headers);
    if (asked.hops > 0) told[HOPS_HEADER] = String(asked.hops);
    // The runtime makes a WebSocket of no other request.
    const upgrade = headers.get("upgrade");
    if (upgrade !== null) told.upgrade = upgrade;
    const raw = { redirect: "manual", encodeResponseBody: "manual" } as const;
    const init = { method, headers: told, ...raw };
    const { ISOLATES, QUARANTINE } = scope.env;
    const place = seat.where === "quarantine" && QUARANTINE ? QUARANTINE : ISOLATES;
    const found = await within(place.fetch(url, body === null ? init : { ...init, body }));
    if (found === "late") {
      seat.leave();
      const detail = `The function did not answer within ${ANSWER_MS / SECOND} seconds.`;
      return refuse("function_timeout", detail, LOOK);
    }
    const fault = found.headers.get(FAULT_HEADER);
    if (fault !== null) {
      seat.leave();
      await found.body?.cancel();
      const failed = refuse("function_failed", DETAIL[fault as Fault] ?? "The function failed.", LOOK);
      return { ...failed, isolate: isolateOf(code, found, seat) };
    }
    const headersOf = headOf(found.headers);
    if (headersOf === null) {
      seat.leave();
      await found.body?.cancel();
      return refuse(
        "function_failed",
        `Its answer has more than ${MAX_HEADER_BYTES} bytes of headers.`,
        FEWER,
      );
    }
    if (found.webSocket) {
      seat.opened();
      seat.leave();
      return {
        ok: true,
        made: accepted(found.webSocket, headersOf),
        isolate: isolateOf(code, found, seat),
      };
    }
    const made = { status: found.status, headers: headersOf, body: tracked(scope, found, seat) };
    return { ok: true, made: { ...made, encodeBody: "manual" }, isolate: isolateOf(code, found, seat) };
  } catch (cause) {
    broke(seat, scope.clock);
    seat.leave();
    return {
      ok: false,
      problem: new Problem("upstream_failed", "The process ended.", { cause }),
      retryAfter: null,
      linesLost: true,
      isolate: null,
    };
  }
}

/** To the head of the answer; what is late is ended by the runtime with its request. An abort signal would cost more. */
function within<T>(work: Promise<T>): Promise<T | "late"> {
  const late = Promise.withResolvers<"late">();
  const timer = setTimeout(late.resolve, ANSWER_MS, "late");
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}

/** A call is under way until the last byte of its answer has gone. */
function tracked(scope: Scope, found: Response, seat: Seat): ReadableStream | null {
  if (isShort(found)) {
    seat.leave();
    return found.body;
  }
  seat.answered();
  return limited(scope, found, LONGEST_MS, () => seat.leave());
}

/** Code id → name of the isolate that last began to run it. */
const names = new Map<string, string>();
const MAX_NAMES = 5_000;

function isolateOf(code: string, { headers }: Response, seat: Seat): Isolate {
  const told = headers.get(START_HEADER);
  if (told === null) return { name: names.get(code) ?? "-", isCold: false };
  const [, name = "-", serial, why, room] = told.split(" ");
  seat.told(aliveOf(serial, why));
  if (room === "full") seat.full();
  if (names.size > MAX_NAMES) names.clear();
  names.set(code, name);
  return { name, isCold: true };
}

/** `-`, or nothing: nobody watches it. */
const aliveOf = (serial = "-", said = ""): Alive => ({
  serial: serial === "-" ? null : Number(serial),
  why: REASONS.find((one) => one === said) ?? "itself",
});

const bindingOf = (env: Env, where: Place): Fetcher =>
  where === "quarantine" && env.QUARANTINE ? env.QUARANTINE : env.ISOLATES;

function reachOf(env: Env): Reach {
  const ask = async (where: Place, more: Record<string, string> = {}): Promise<Alive | null> => {
    try {
      const headers = { [KEY_HEADER]: env.INTERNAL_KEY ?? "", ...more };
      const signal = AbortSignal.timeout(SECOND);
      const answer = await bindingOf(env, where).fetch("http://isolates.internal/", { headers, signal });
      if (!answer.ok || (await answer.text()) !== ALIVE) return null;
      const [serial, why] = answer.headers.get(PROCESS_HEADER)?.split(" ") ?? [];
      return aliveOf(serial, why);
    } catch {
      return null;
    }
  };
  return { ask, retire: async (where) => void (await ask(where, { [RETIRE_HEADER]: "1" })) };
}

const DETAIL: Record<Fault, string> = {
  load: "The function's code can't be loaded.",
  threw: "The function threw an error.",
  hung: "The function can never answer.",
  "no-response": "The function did not return a Response.",
  unsendable: "The function's Response can't be sent.",
};
const BROKEN = "The function's answer broke off before its head had come.";
const OR_ASKED = " Or the request's body broke off.";
const WHOLE = "Send fewer or shorter headers, and a body that nobody reads meanwhile.";
const FEWER = "Send fewer or shorter headers.";
const LOOK = "Look at the deployment's log: `cloudify logs`.";
const MEND = "Look for an endless loop or for memory without bounds in it, and deploy again.";
const AGAIN = "Try again in a moment.";

const refuse = (
  code: "unavailable" | "function_unresponsive" | "function_failed" | "function_timeout",
  detail: string,
  fix: string,
  retryAfter: number | null = null,
  linesLost = false,
): Extract<Ran, { ok: false }> => ({
  ok: false,
  problem: new Problem(code, detail, { fix }),
  retryAfter,
  linesLost,
  isolate: null,
});

const lost = (ran: Ran): Ran => (ran.ok ? ran : { ...ran, linesLost: true });
