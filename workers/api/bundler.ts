/**
 * The bundler: a function's source → one ES module, by esbuild-wasm. A Worker of its own, since that weighs 14 MB and
 * holds its thread while it works. It knows no team, stores nothing, and reaches neither files nor the network.
 */
import type { Bundled, Bundling } from "#features/functions/bundle.ts";
import { bundle } from "./bundler/bundle.ts";
import { isBroken } from "./bundler/esbuild.ts";
import { OneAtATime } from "./bundler/queue.ts";

/** More than these are told to come again: each may take seconds. */
const MAX_WAITING = 8;
const queue = new OneAtATime(MAX_WAITING);

export default {
  async fetch(request, _env, ctx): Promise<Response> {
    if (request.method !== "POST") return new Response(isBroken() ? "retired\n" : "alive\n");
    const asked = await request.json<Bundling>();
    const begins = Promise.withResolvers<Response>();
    const turn = queue.run(async () => {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      begins.resolve(new Response(readable, { headers: { "content-type": "application/json" } }));
      await answer(writable.getWriter(), asked);
      return true;
    });
    // What has begun comes to its end, whoever went meanwhile: the next in the queue waits for that.
    ctx.waitUntil(turn.then((done) => done ?? begins.resolve(Response.json(BUSY)), begins.reject));
    return begins.promise;
  },
} satisfies ExportedHandler;

const BUSY: Bundled = { ok: false, reason: "busy" };

/**
 * The answer begins when its turn comes, so that who asks can tell a source that is too heavy from a queue that is too
 * long. The blanks before it can't be written to who has gone meanwhile, for whom nothing is bundled.
 */
async function answer(writer: WritableStreamDefaultWriter<Uint8Array>, asked: Bundling): Promise<void> {
  const encoder = new TextEncoder();
  try {
    await writer.write(encoder.encode("\n"));
    // The bundling before held the thread: only now is it seen who has gone.
    await scheduler.wait(1);
    await writer.write(encoder.encode("\n"));
    await writer.write(encoder.encode(JSON.stringify(await bundle(asked))));
    await writer.close();
  } catch (error) {
    await writer.abort(error);
  }
}
