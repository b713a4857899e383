/** The edge router: every request to a deployed host. */
import { httpDate } from "#core/headers.ts";
import { newId } from "#core/ids.ts";
import { Problem } from "#core/problem.ts";
import { readRest } from "#core/rest.ts";
import { pooledRandom, systemClock } from "#core/time.ts";
import { HOPS_HEADER, KEY_HEADER, QUARANTINED_HEADER } from "#features/functions/call.ts";
import type { Env } from "./env.ts";
import { INTERNAL_HOST, internal } from "./functions/internal.ts";
import { refuse } from "./pages.ts";
import { pipeline } from "./pipeline.ts";
import type { Scope } from "./scope.ts";

const random = pooledRandom(1_000);

export default {
  async fetch(request, env, ctx): Promise<Response> {
    const clock = systemClock(Number(env.CLOCK_OFFSET_MS ?? 0));
    const requestId = newId("request", clock.now(), random);
    const isInternal = env.INTERNAL_KEY !== undefined && request.headers.get(KEY_HEADER) === env.INTERNAL_KEY;
    if (isInternal && new URL(request.url).hostname === INTERNAL_HOST) return internal(request, env);
    const hops = isInternal ? Number(request.headers.get(HOPS_HEADER) ?? 0) : 0;
    const isFromQuarantine = isInternal && request.headers.has(QUARANTINED_HEADER);
    const keepAlive = (work: Promise<unknown>) => ctx.waitUntil(work);
    const scope: Scope = { env, clock, requestId, isFromQuarantine, keepAlive };
    try {
      const asked = isInternal ? withoutOurs(request) : request;
      const response = await pipeline(scope, asked, hops);
      await readRest(asked);
      if (response.webSocket) return response;
      // RFC 9110, 6.6.1. Cloudflare's network would set it; workerd by itself does not.
      response.headers.set("date", httpDate(clock.now()));
      return response;
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      // The query may hold what is not for a log.
      const url = request.url.replace(/\?.*$/s, "");
      console.error(JSON.stringify({ level: "error", at: "edge-router", requestId, url, error: text }));
      const problem = new Problem("unavailable", "This site can't be served at the moment.", {
        fix: "Try again in a moment.",
      });
      return refuse(request, problem, requestId);
    }
  },
} satisfies ExportedHandler<Env>;

/** The key has proved what it had to: a rewrite would carry it outside. */
function withoutOurs(request: Request): Request {
  const headers = new Headers(request.headers);
  for (const name of [KEY_HEADER, HOPS_HEADER, QUARANTINED_HEADER]) headers.delete(name);
  return new Request(request, { headers });
}
