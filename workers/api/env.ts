/** What the API is bound to, and what a request of it carries. */
import type { Ctx } from "#core/ctx.ts";
import type { ControlEnv } from "#features/base.ts";

export type Env = ControlEnv;

export interface ApiEnv {
  Bindings: Env;
  Variables: { ctx: Ctx; requestId: string };
}
