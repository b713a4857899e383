import { type NextRequest, NextResponse } from "next/server";

export function middleware(request: NextRequest) {
  const { pathname } = request.nextUrl;
  switch (pathname) {
    case "/mw/redirect":
      return NextResponse.redirect(new URL("/about?by=middleware", request.url), 307);
    case "/mw/rewrite":
      return NextResponse.rewrite(new URL("/api/echo?by=middleware", request.url));
    case "/mw/rewrite-static":
      return NextResponse.rewrite(new URL("/about", request.url));
    case "/mw/answer":
      return NextResponse.json({ refused: true }, { status: 401, headers: { "x-answered-by": "middleware" } });
    case "/mw/nowhere":
      return NextResponse.rewrite(new URL("/there-is-no-such-page", request.url));
  }
  const headers = new Headers(request.headers);
  headers.set("x-from-middleware", "hello");
  headers.delete("x-taken-away");
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("x-middleware-was-here", pathname);
  response.headers.set("x-both-mw", "middleware");
  response.cookies.set("seen", "1", { path: "/", httpOnly: true });
  if (request.cookies.has("old")) response.cookies.delete("old");
  return response;
}

export const config = {
  matcher: ["/mw/:path*", "/api/echo", "/about", { source: "/edge/:slug", missing: [{ type: "header", key: "x-no-middleware" }] }],
};
