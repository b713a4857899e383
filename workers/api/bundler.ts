/**
 * The bundler: a function's source → one ES module, by esbuild-wasm. A Worker of its own, since that weighs 14 MB and
 * holds its thread while it works. It knows no team, stores nothing, and reaches neither files nor the network.
 */
import type { Bundled, Bundling } from "#features/functions/bundle.ts";
import { bundle } from "./bundler/bundle.ts";
import { OneAtATime } from "./bundler/queue.ts";

/** More than these are told to come again: each may take seconds. */
const MAX_WAITING = 8;
const queue = new OneAtATime(MAX_WAITING);

export default {
  async fetch(request): Promise<Response> {
    if (request.method !== "POST") return new Response("alive\n");
    const asked = await request.json<Bundling>();
    const answer: Bundled = (await queue.run(() => bundle(asked))) ?? { ok: false, reason: "busy" };
    return Response.json(answer);
  },
} satisfies ExportedHandler;
