/** A function's answer on its way to the visitor, wherever it ran. */
import { Fields } from "#core/headers.ts";
import type { Millis } from "#core/time.ts";
import type { Scope } from "../scope.ts";

export const MAX_HEADER_BYTES = 32 * 1024;

/** Names that are the platform's mean what the platform says. @returns `null` for more than is passed on. */
export function headOf(headers: Headers): Fields | null {
  const fields = new Fields();
  let bytes = 0;
  for (const [name, value] of headers) {
    bytes += name.length + value.length + 4;
    if (!name.startsWith("x-cloudify-")) fields.set(name, value);
  }
  return bytes > MAX_HEADER_BYTES ? null : fields;
}

/** Longer ones may take long, and are looked after until their last byte. */
const SHORT_BYTES = 64 * 1024;

/** It is taken to come at once: nearly every answer does, and to look after one costs as much as all else of it. */
export const isShort = ({ body, headers }: Response): boolean => {
  const length = headers.get("content-length");
  return body === null || (length !== null && Number(length) <= SHORT_BYTES);
};

/**
 * @param found Its bytes are as they came over the network: their number is what its head says.
 * @param limit From now to the last byte. @param onEnd Called when the last byte has gone, or none will.
 */
export function limited(
  scope: Scope,
  { body, headers }: Response,
  limit: Millis,
  onEnd?: () => void,
): ReadableStream | null {
  if (body === null) return null;
  const length = headers.get("content-length");
  const { readable, writable } =
    length === null ? new IdentityTransformStream() : new FixedLengthStream(Number(length));
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), limit);
  const piped = body.pipeTo(writable, { signal: stop.signal }).catch(() => undefined);
  scope.keepAlive(
    piped.finally(() => {
      clearTimeout(timer);
      onEnd?.();
    }),
  );
  return readable;
}
