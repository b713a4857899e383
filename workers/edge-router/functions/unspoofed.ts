/**
 * What frameworks tell themselves in headers of a request: a middleware to the page behind it, or the platform to a
 * function. They would obey a visitor as well, so a visitor's is not let in.
 *
 * Source: `INTERNAL_HEADERS` of Next.js (server/lib/server-ipc/utils.ts); Nitro takes its address from
 * `x-now-route-matches`. `x-nextjs-data` is on the list, and stays: browsers send it, and routes go by it.
 */
const INTERNAL = new Set([
  "x-middleware-rewrite",
  "x-middleware-redirect",
  "x-middleware-set-cookie",
  "x-middleware-skip",
  "x-middleware-override-headers",
  "x-middleware-next",
  "x-now-route-matches",
  "x-matched-path",
  "x-nextjs-request-id",
  "x-nextjs-html-request-id",
  "x-next-resume-state-length",
  "next-resume",
]);

/** @returns A request without them; the same one where there is none. */
export function unspoofed(request: Request): Request {
  const names = [...request.headers.keys()].filter((name) => INTERNAL.has(name));
  if (names.length === 0) return request;
  const headers = new Headers(request.headers);
  for (const name of names) headers.delete(name);
  return new Request(request, { headers });
}
