/** Bytes on their way into R2: how many there are to be, and what went wrong. It knows no table. */
import { Problem } from "#core/problem.ts";

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

/** Fails when the sender stops before it has sent what it promised; nothing is stored then. */
export function exactly(request: Request, size: number): ReadableStream | Uint8Array<ArrayBuffer> {
  return request.body && size > 0 ? request.body.pipeThrough(new FixedLengthStream(size)) : new Uint8Array(0);
}

/** R2 no longer has this multipart upload. */
export const isEnded = (error: unknown): boolean =>
  /NoSuchUpload|10024|multipart upload does not exist/i.test(String(error));

/** Tells apart what the sender got wrong, a store that is full, one that is away, and the rest. */
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
    if (/FixedLengthStream|premature/i.test(text)) {
      throw new Problem("bad_request", "The upload ended before all of its bytes had come.", {
        fix: "Send it again.",
        cause,
      });
    }
    if (/ENOSPC|SQLITE_FULL|disk (?:is )?full|no space/i.test(text)) {
      throw new Problem("insufficient_storage", "The platform's disk is full; nothing was stored.", {
        fix: "Free space on the platform's machine, then send it again.",
        cause,
      });
    }
    if (/Network connection lost|disconnected|SERVICE_UNAVAILABLE|10043/i.test(text)) {
      throw new Problem("unavailable", "The connection was lost before the bytes were stored.", {
        fix: "Send it again.",
        cause,
      });
    }
    throw cause;
  }
}
