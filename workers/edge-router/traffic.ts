/** Each request, off the response path: added up in the isolate and given to the project's object once a second. */
import { newId } from "#core/ids.ts";
import { type Millis, SECOND, systemRandom } from "#core/time.ts";
import type { TrafficEvent } from "#features/traffic/machine.ts";
import { Tallies } from "#features/traffic/tallies.ts";
import type { Scope } from "./scope.ts";

const FLUSH_MS = SECOND;
const BATCH = 500;
/** Projects that are counted at once; of more, requests are dropped rather than memory filled. */
const WAITING_LIMIT = 10_000;

/** Who gathered for so long has ended with its request. */
const LOST_MS = 5 * SECOND;

let waiting = new Map<string, Tallies>();
/** When somebody began to gather; `null`: nobody does. */
let since: Millis | null = null;

export function report(scope: Scope, project: string, event: TrafficEvent): void {
  let tallies = waiting.get(project);
  if (!tallies && waiting.size < WAITING_LIMIT) {
    tallies = new Tallies();
    waiting.set(project, tallies);
  }
  tallies?.add(event);
  if (since !== null && event.at - since < LOST_MS) return;
  since = event.at;
  scope.keepAlive(scheduler.wait(FLUSH_MS).then(() => flush(scope)));
}

async function flush(scope: Scope): Promise<void> {
  const projects = waiting;
  waiting = new Map();
  since = null;
  const { TRAFFIC } = scope.env;
  for (const [project, tallies] of projects) {
    const all = tallies.all();
    for (let from = 0; from < all.length; from += BATCH) {
      const id = newId("request", scope.clock.now(), systemRandom);
      const stub = TRAFFIC.get(TRAFFIC.idFromName(project));
      await stub.add(id, all.slice(from, from + BATCH)).catch(() => undefined);
    }
  }
}
