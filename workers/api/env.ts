/** What the API is bound to, and what a request of it carries. */
import type { Ctx } from "#core/ctx.ts";
import type { ControlEnv, Seams } from "#features/base.ts";

export interface Env extends ControlEnv {
  /** Tells the free bytes of the disk below everything; a platform on one machine has it. See disk.ts. */
  DISK?: Fetcher;
}

export interface ApiEnv {
  Bindings: Env;
  Variables: { ctx: Ctx; requestId: string; seams: Seams };
}
