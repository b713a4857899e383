/** Isolates by Worker Loader: made where they are called, on one machine and in production. */
import type { Call } from "#features/functions/call.ts";
import type { Isolate, Isolates } from "./adapter.ts";
import type { IsolatesEnv } from "./env.ts";
import { codeOf } from "./platform.ts";
import { workerCode } from "./worker-code.ts";

/**
 * Code id → how often its code could not be read. The runtime never forgets an isolate whose making failed, so the next
 * one has another name.
 */
const failures = new Map<string, number>();

/** @param exports This Worker's own entry points: what a function's fetches go to, and its console lines. */
export function byLoader(env: IsolatesEnv, exports: ExecutionContext["exports"]): Isolates {
  return {
    async of(call: Call): Promise<Isolate> {
      let isCold = false;
      const failed = failures.get(call.id) ?? 0;
      const worker = env.LOADER.get(failed === 0 ? call.id : `${call.id}#${failed}`, async () => {
        isCold = true;
        try {
          return workerCode(await codeOf(env, call), exports.Outbound({ props: call }));
        } catch (error) {
          failures.set(call.id, failed + 1);
          throw error;
        }
      });
      return {
        fetch: (request, headers) => worker.getEntrypoint().fetch(request, { headers }),
        start: () => ({ name: crypto.randomUUID().slice(0, 4), isCold }),
      };
    },
  };
}
