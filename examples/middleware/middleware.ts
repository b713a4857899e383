/** Chooses which page `/` is: by country, else by a coin that each visitor throws once. */

export const config = { matcher: "/" };

export default function middleware(request: Request): Response {
  if (request.headers.get("x-cloudify-ip-country") === "FR") return show(request, "/fr");
  const kept = /(?:^|;\s*)page=([ab])(?:;|$)/.exec(request.headers.get("cookie") ?? "")?.[1];
  const page = kept ?? (Math.random() < 0.5 ? "a" : "b");
  const response = show(request, `/${page}`);
  if (!kept) response.headers.set("set-cookie", `page=${page}; Path=/; Max-Age=2592000; SameSite=Lax`);
  return response;
}

/** The visitor stays at the address that they asked for. */
function show(request: Request, path: string): Response {
  const to = new URL(path, request.url).href;
  return new Response(null, {
    headers: { "x-middleware-rewrite": to, "x-page": path, "cache-control": "private" },
  });
}
