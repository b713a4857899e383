/** What is left of a body that nobody wants. */
import { SECOND } from "#core/time.ts";

/** Of a body that names its size; a larger one, and one without an end, is cut off. */
const MOST_BYTES = 32 * 1024 * 1024;
/** Whoever has stopped in the middle is not waited for. */
const PATIENCE_MS = 5 * SECOND;

/**
 * Reads it to its end, and forgets it: a connection that is closed on somebody who still sends loses them the answer (RFC
 * 9112, 9.6).
 */
export async function readRest({ body, bodyUsed, headers }: Request): Promise<void> {
  const isNear = Number(headers.get("content-length") ?? Number.POSITIVE_INFINITY) <= MOST_BYTES;
  if (!body || bodyUsed || body.locked || !isNear) return;
  const read = body.pipeTo(new WritableStream()).catch(() => undefined);
  await Promise.race([read, scheduler.wait(PATIENCE_MS)]);
}
