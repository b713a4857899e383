/** Isolates by Worker Loader: made where they are called, on one machine and in production. */
import type { Call } from "#features/functions/call.ts";
import type { Isolate, Isolates } from "./adapter.ts";
import type { IsolatesEnv } from "./env.ts";
import { codeOf } from "./platform.ts";
import { workerCode } from "./worker-code.ts";

/** @param exports This Worker's own entry points: what a function's fetches go to, and its console lines. */
export function byLoader(env: IsolatesEnv, exports: ExecutionContext["exports"]): Isolates {
  return {
    async of(call: Call): Promise<Isolate> {
      let isCold = false;
      const worker = env.LOADER.get(call.id, async () => {
        isCold = true;
        const code = await codeOf(env, call);
        return workerCode(code, exports.Outbound({ props: call }));
      });
      return {
        fetch: (request, headers) => worker.getEntrypoint().fetch(request, { headers }),
        start: () => ({ name: crypto.randomUUID().slice(0, 4), isCold }),
      };
    },
  };
}
