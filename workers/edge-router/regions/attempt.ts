/**
 * One try at one region, up to the head of its answer. A call that is slow and an ingress that has fallen silent look
 * the same, so while it waits for longer than is usual the ingress is probed: one that does not answer is not waited
 * for, if the request may be made again.
 */
import {
  INGRESS_FAULT_HEADER,
  INGRESS_HEADER,
  INGRESS_KEY_HEADER,
  type IngressFault,
  TIMEOUT_HEADER,
} from "@cloudify/protocol";
import type { Fields } from "#core/headers.ts";
import { type Millis, SECOND } from "#core/time.ts";
import { type Ending, endingOfStranger, isIdempotent } from "#features/regions/failover.ts";
import type { Region } from "../resolution/regions.ts";
import type { Scope } from "../scope.ts";
import type { Body } from "./body.ts";
import { isOpen, keyOf, probe, send } from "./reach.ts";
import { doubt, healthOf } from "./states.ts";

/** After this time without an answer the ingress is doubted. */
const PATIENCE_MS = SECOND;
const LOOK_EVERY_MS = 250;
/** The ingress keeps the time limit itself, and says so; this much later nobody waits for it. */
const GRACE_MS = 2 * SECOND;

export interface Question {
  /** Behind the ingress's origin. */
  path: string;
  method: string;
  headers: Fields;
  body: Body;
  /** To the first byte. */
  limit: Millis;
}

export type Attempted = { kind: "answered"; found: Response } | Ending;

export async function attempt(scope: Scope, region: Region, question: Question): Promise<Attempted> {
  const { method, headers, limit } = question;
  const mayRepeat = isIdempotent(method);
  const key = await keyOf(scope, region).catch(() => null);
  // Nothing was asked of it; its agent's next lease brings a key that can be read.
  if (key === null) return { kind: "refused" };
  headers.set(INGRESS_KEY_HEADER, key);
  headers.set(TIMEOUT_HEADER, String(limit));
  if (!mayRepeat && !(await isOpen(scope.env, region))) return { kind: "refused" };
  const body = question.body.stream();
  const over = new AbortController();
  const sent = send(scope.env, `${region.ingress}${question.path}`, {
    method,
    headers: headers.toInit(),
    redirect: "manual",
    encodeResponseBody: "manual",
    signal: over.signal,
    ...(body === null ? {} : { body }),
  });
  const watch = watched(scope, region, limit + GRACE_MS, mayRepeat);
  try {
    const found = await Promise.race([sent, watch.end]);
    if (found instanceof Response) return await read(found);
    over.abort();
    sent.catch(() => undefined);
    return found;
  } catch {
    return { kind: mayRepeat && !(await isOpen(scope.env, region)) ? "refused" : "broken" };
  } finally {
    watch.stop();
  }
}

async function read(found: Response): Promise<Attempted> {
  const fault = found.headers.get(INGRESS_FAULT_HEADER) as IngressFault | null;
  const isWorkloads = found.headers.has(INGRESS_HEADER);
  const ending: Ending | null = fault
    ? { kind: "fault", fault }
    : isWorkloads
      ? null
      : endingOfStranger(found.status);
  if (!ending) return { kind: "answered", found };
  await found.body?.cancel();
  return ending;
}

/** @returns What it comes to when it is not waited for any longer. */
function watched(scope: Scope, region: Region, limit: Millis, mayRepeat: boolean) {
  const until = scope.clock.now() + limit;
  let timer: ReturnType<typeof setTimeout>;
  const end = new Promise<Ending>((resolve) => {
    const look = () => {
      doubt(region);
      probe(scope, [region]);
      const health = healthOf(region);
      if (mayRepeat && health.isDown) resolve({ kind: "silent" });
      else if (scope.clock.now() >= until) resolve({ kind: health.misses > 0 ? "silent" : "late" });
      else timer = setTimeout(look, LOOK_EVERY_MS);
    };
    timer = setTimeout(look, PATIENCE_MS);
  });
  return { end, stop: () => clearTimeout(timer) };
}
