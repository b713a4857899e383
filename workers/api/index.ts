/** The API Worker. */
import { systemSeams } from "#features/base.ts";
import { createApp } from "./app.ts";
import type { Env } from "./env.ts";

/** Made by the first request: the bindings, which turn the clock, come with it. */
let app: ReturnType<typeof createApp> | undefined;

export default {
  fetch(request, env, ctx) {
    app ??= createApp(systemSeams(env));
    return app.fetch(request, env, ctx);
  },
} satisfies ExportedHandler<Env>;
