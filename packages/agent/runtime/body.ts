/** Bodies that are read before the function is called, and can be read by it once more. */
import { IncomingMessage, type ServerResponse } from "node:http";
import { Refusal } from "./faults.ts";

/** Kinds of bodies that `req.body` knows. */
const PARSED = new Set([
  "application/json",
  "application/octet-stream",
  "application/x-www-form-urlencoded",
  "text/plain",
]);

/** More than this is not read into memory. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Without a content type a body counts as text, as on Vercel. */
export const mediaType = (req: IncomingMessage): string =>
  (req.headers["content-type"] ?? "text/plain").split(";")[0]?.trim().toLowerCase() ?? "";

export const isParsed = (req: IncomingMessage): boolean =>
  req.headers["content-type"] !== undefined && PARSED.has(mediaType(req));

/**
 * @returns The bytes, and a request that is like the one that was read but still has its body.
 * @throws Refusal when it is too large.
 */
export async function buffered(
  original: IncomingMessage,
  res: ServerResponse,
): Promise<{ req: IncomingMessage; body: Buffer }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of original as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) {
      throw new Refusal(
        413,
        `The body is over ${MAX_BYTES / 1024 / 1024} MiB: build with NODEJS_HELPERS=0 to have it streamed.`,
      );
    }
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const req = new IncomingMessage(original.socket);
  const { method, url, httpVersion, httpVersionMajor, httpVersionMinor, headers, rawHeaders } = original;
  Object.assign(req, { method, url, httpVersion, httpVersionMajor, httpVersionMinor, headers, rawHeaders });
  req.complete = true;
  req.push(body);
  req.push(null);
  // To destroy a request ends its connection: only when that is gone already.
  res.once("close", () => {
    if (!res.writableFinished) req.destroy();
  });
  return { req, body };
}
