/** Where a function's code becomes an isolate: two ways, and what the isolates Worker asks of each. */
import type { Call } from "#features/functions/call.ts";

export interface Isolate {
  /** @param headers In the place of the request's own. */
  fetch(request: Request, headers: Record<string, string>): Promise<Response>;
  /** Whether this call had the isolate made, and, if so, its short name. Known when it has answered. */
  start(): { name: string; isCold: boolean };
}

export interface Isolates {
  /** @throws When its code can't be read. */
  of(call: Call): Promise<Isolate>;
}
