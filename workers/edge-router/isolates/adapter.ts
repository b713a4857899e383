/** Where a function's code becomes an isolate: two ways, and what the isolates Worker asks of each. */
import type { Call } from "#features/functions/call.ts";

export interface Isolate {
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Short name of the isolate, and whether this call had it made. Known when it has answered. */
  start(): { name: string; isCold: boolean };
}

export interface Isolates {
  /** @throws When its code can't be read. */
  of(call: Call): Promise<Isolate>;
}
