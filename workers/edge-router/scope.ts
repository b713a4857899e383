/** What one request carries through the router. */
import type { Clock } from "#core/time.ts";
import type { Env } from "./env.ts";
import type { KeepAlive } from "./resolution/memo.ts";

export interface Scope {
  env: Env;
  clock: Clock;
  /** Lets work outlive the answer. */
  keepAlive: KeepAlive;
  requestId: string;
  /** A function that is in quarantine asks, and waits for the answer. */
  isFromQuarantine: boolean;
}
