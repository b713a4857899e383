/** What tests of objects find in `env`: the bindings of the objects' Worker, and the migrations. */
import type { D1Migration } from "cloudflare:test";
import type { Env as ObjectsEnv } from "#objects/env.ts";

declare global {
  namespace Cloudflare {
    interface Env extends ObjectsEnv {
      MIGRATIONS: D1Migration[];
    }
  }
}
