/** Bytes on their way into R2: how many there are to be, and what went wrong. It knows no table. */
import { Problem } from "#core/problem.ts";
import { SECOND } from "#core/time.ts";

export type Body = ReadableStream | Uint8Array<ArrayBuffer> | string;

/** A store whose disk is full stops taking bytes, and its answer never comes: after this it is given up. */
const STALL_MS = 10 * SECOND;

class Cut extends Error {}
class Stalled extends Error {}

/** @throws Problem `length_required` */
export function lengthOf(request: Request): number {
  const text = request.headers.get("content-length");
  if (text === null || !/^\d{1,12}$/.test(text)) {
    throw new Problem("length_required", "An upload needs a content-length.", {
      fix: "Send the bytes with `content-length`, not chunked.",
    });
  }
  return Number(text);
}

/**
 * Sends a request's body on. Nothing is stored when the sender stops before it has sent what it promised.
 *
 * @throws Problem as {@link guarded}
 */
export function forward<T>(
  request: Request,
  size: number,
  send: (body: ReadableStream | Uint8Array<ArrayBuffer>) => Promise<T>,
): Promise<T> {
  if (!request.body || size === 0) return guarded(send(new Uint8Array(0)));
  const { readable, writable } = new FixedLengthStream(size);
  const both = Promise.all([send(readable), pump(request.body, writable)]);
  return guarded(both.then(([sent]) => sent));
}

async function pump(from: ReadableStream<Uint8Array>, to: WritableStream<Uint8Array>): Promise<void> {
  const reader = from.getReader();
  const writer = to.getWriter();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw new Cut("the sender stopped", { cause });
      });
      if (done) break;
      await unlessStalled(writer.write(value));
    }
    await unlessStalled(writer.close());
  } catch (error) {
    writer.abort(error).catch(() => undefined);
    throw error;
  }
}

async function unlessStalled(work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const stalled = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Stalled("the store takes no more bytes")), STALL_MS);
  });
  await Promise.race([work, stalled]).finally(() => clearTimeout(timer));
}

/** R2 no longer has this multipart upload. */
export const isEnded = (error: unknown): boolean =>
  /NoSuchUpload|10024|multipart upload does not exist/i.test(String(error));

/** Tells apart what the sender got wrong, a store that can't take it, and the rest. */
export async function guarded<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const text = String(cause);
    if (/checksum|sha-?256|10037/i.test(text)) {
      throw new Problem("digest_mismatch", "The bytes do not have the digest in the address.", {
        fix: "Compute the SHA-256 of the bytes as they are sent; the file may have changed meanwhile.",
        cause,
      });
    }
    if (cause instanceof Cut || /FixedLengthStream|premature/i.test(text)) {
      throw new Problem("bad_request", "The upload ended before all of its bytes had come.", {
        fix: "Send it again.",
        cause,
      });
    }
    if (cause instanceof Stalled || /ENOSPC|SQLITE_FULL|disk (?:is )?full|no space/i.test(text)) {
      throw new Problem("insufficient_storage", "The store takes no more bytes: its disk is probably full.", {
        fix: "Free space on the platform's machine, then send it again.",
        cause,
      });
    }
    if (
      cause instanceof Stalled ||
      /internal error|unspecified error|connection lost|10001|10043/i.test(text)
    ) {
      throw new Problem("unavailable", "The store did not take the bytes; nothing was stored.", {
        fix: "See that the platform's disk has space left, then send it again.",
        cause,
      });
    }
    throw cause;
  }
}
