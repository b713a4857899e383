import { cookies } from "next/headers";
import type { NextRequest } from "next/server";

export const runtime = "edge";

const SHOWN = ["content-type", "x-mine", "x-from-middleware", "x-taken-away", "user-agent", "accept"];

async function answer(request: NextRequest) {
  const jar = await cookies();
  const headers = Object.fromEntries(SHOWN.map((name) => [name, request.headers.get(name)]));
  const response = Response.json({
    method: request.method,
    path: request.nextUrl.pathname,
    query: Object.fromEntries(request.nextUrl.searchParams),
    headers,
    cookies: Object.fromEntries(jar.getAll().map(({ name, value }) => [name, value])),
    body: request.method === "GET" ? null : await request.text(),
  });
  response.headers.set("x-route", "echo");
  response.headers.set("x-both", "function");
  response.headers.set("x-both-mw", "function");
  response.headers.append("set-cookie", "one=1; Path=/");
  response.headers.append("set-cookie", "two=2; Path=/; HttpOnly");
  return response;
}

export const GET = answer;
export const POST = answer;
export const PATCH = answer;
