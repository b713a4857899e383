/**
 * Long bodies of requests on their way into a function: a part of the prelude. A connection is closed on whoever sends on
 * while nobody reads, and the answer is lost with it (RFC 9112, 9.6). So what a function leaves of a body is read to its
 * end and forgotten, and its answer ends after that.
 */
import { MOST_BYTES, PATIENCE_MS } from "#core/rest.ts";

/** The runtime reads so much by itself. */
const SHORT_BYTES = 64 * 1024;
/** Whoever reads, in `waitUntil` say, takes a part at least so often. */
const READING_MS = 250;

/**
 * `inflowOf(request, length)` is `null` for a short body. `settled(response, asked, inflow, later)` is the answer; its end
 * waits for what the function leaves.
 */
export const inflowText = `
const { IdentityTransformStream, FixedLengthStream, TypeError, Uint8Array } = globalThis;
export function inflowOf({ body }, length) {
  const bytes = native.Number(length);
  if (body === null || bytes <= ${SHORT_BYTES}) return null;
  const { readable, writable } = bytes > 0 ? new FixedLengthStream(bytes) : new IdentityTransformStream();
  const writer = writable.getWriter();
  const inflow = { readable, isWanted: true, isOver: false, over: null, taken: 0, leave };
  function leave() {
    inflow.isWanted = false;
    writer.abort(new TypeError("The rest of the body is not there any more: the answer had been given, and nobody read on.")).catch(() => {});
  }
  writer.closed.catch(leave);
  inflow.over = pour(body, writer, inflow).catch(() => {}).then(() => { inflow.isOver = true; });
  return inflow;
}
// By hand: where \`pipeTo\` can't write any more, nothing can be read any more.
async function pour(body, writer, inflow) {
  const reader = body.getReader({ mode: "byob" });
  let left = ${MOST_BYTES};
  try {
    while (left > 0) {
      const { done, value } = await reader.read(new Uint8Array(${SHORT_BYTES}));
      if (done) return inflow.isWanted ? await writer.close() : undefined;
      if (inflow.isWanted) await writer.write(value).then(() => inflow.taken++, inflow.leave);
      else left -= value.byteLength;
    }
    await reader.cancel();
  } catch (error) {
    await writer.abort(error);
  }
}
const passed = (ms) => new native.Promise((resolve) => setTimeout(resolve, ms));
export async function settled(response, asked, inflow, later) {
  const { body } = asked;
  // What was read to its end is known to be a moment later.
  if (!inflow.isOver) await passed(0);
  if (inflow.isOver || response.body === body || response.webSocket) return response;
  const settle = async () => {
    for (let seen = -1; asked.bodyUsed && inflow.isWanted && !inflow.isOver && seen !== inflow.taken; ) {
      seen = inflow.taken;
      await native.Promise.race([inflow.over, passed(${READING_MS})]);
    }
    inflow.leave();
    await native.Promise.race([inflow.over, passed(${PATIENCE_MS})]);
  };
  if (response.body === null) return settle().then(() => response);
  const { readable, writable } = new IdentityTransformStream();
  later(response.body.pipeTo(writable, { preventClose: true }).then(settle).then(() => writable.close()).catch(() => {}));
  const held = new native.Response(readable, response);
  held.headers.delete("content-length");
  return held;
}
`;
