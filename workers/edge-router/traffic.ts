/** One event a request, off the response path: gathered in the isolate and given to the project's object in batches. */
import { newId } from "#core/ids.ts";
import { SECOND, systemRandom } from "#core/time.ts";
import type { TrafficEvent } from "#features/traffic/machine.ts";
import type { Scope } from "./scope.ts";

const FLUSH_MS = SECOND;
const BATCH = 500;
/** When objects are away, events are dropped rather than memory filled. */
const WAITING_LIMIT = 10_000;

let waiting: TrafficEvent[] = [];
let isFlushing = false;

export function report(scope: Scope, event: TrafficEvent): void {
  if (waiting.length < WAITING_LIMIT) waiting.push(event);
  if (isFlushing) return;
  isFlushing = true;
  scope.keepAlive(scheduler.wait(FLUSH_MS).then(() => flush(scope)));
}

async function flush(scope: Scope): Promise<void> {
  const events = waiting;
  waiting = [];
  isFlushing = false;
  const { TRAFFIC } = scope.env;
  for (const [project, all] of Map.groupBy(events, (event) => event.project)) {
    for (let from = 0; from < all.length; from += BATCH) {
      const id = newId("request", scope.clock.now(), systemRandom);
      const stub = TRAFFIC.get(TRAFFIC.idFromName(project));
      await stub.add(id, all.slice(from, from + BATCH)).catch(() => undefined);
    }
  }
}
