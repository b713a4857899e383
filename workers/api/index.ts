/** The API Worker. */
import { createApp } from "./app.ts";
import type { Env } from "./env.ts";

const app = createApp();

export default { fetch: (request, env, ctx) => app.fetch(request, env, ctx) } satisfies ExportedHandler<Env>;
