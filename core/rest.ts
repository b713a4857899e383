/** What is left of a body that nobody wants. */
import { SECOND } from "./time.ts";

/** Of a body that is larger, the rest is cut off. */
export const MOST_BYTES = 32 * 1024 * 1024;
/** Whoever has stopped in the middle is not waited for. */
export const PATIENCE_MS = 5 * SECOND;

/**
 * Reads it to its end, and forgets it: a connection that is closed on somebody who still sends loses them the answer (RFC
 * 9112, 9.6).
 */
export async function readRest({ body, bodyUsed, headers }: Request): Promise<void> {
  if (!body || bodyUsed || body.locked || Number(headers.get("content-length")) > MOST_BYTES) return;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), PATIENCE_MS);
  let bytes = 0;
  const nowhere = new WritableStream<Uint8Array>({
    write(chunk) {
      bytes += chunk.byteLength;
      if (bytes > MOST_BYTES) throw new RangeError("more than is read");
    },
  });
  await body.pipeTo(nowhere, { signal: late.signal }).catch(() => undefined);
  clearTimeout(timer);
}
