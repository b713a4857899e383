/** Beside Next.js's own reading of a middleware's answer (`@next/routing`). */
import { responseToMiddlewareResult } from "@next/routing";
import { expect, test } from "vitest";
import { verdictOf } from "./middleware.ts";

const VISITOR = { cookie: "theme=dark", "x-old": "1", accept: "text/html" };

/** Headers of the request as the page behind the middleware sees them. */
function seen(answer: Record<string, string>, name: string) {
  const headers = new Headers({ "x-middleware-next": "1", ...answer });
  const verdict = verdictOf(headers);
  if (verdict.kind !== "go-on") throw new Error("it answers");
  const visitor = new Headers(VISITOR);
  const theirs = responseToMiddlewareResult(
    new Response(null, { headers }),
    new Headers(VISITOR),
    new URL("http://site.test/"),
  );
  const change = verdict.request;
  const before = visitor.get(name);
  return {
    read: change ? change.read(name, before) : before,
    applied: (change ? change.apply(visitor) : visitor).get(name),
    theirs: theirs.requestHeaders?.get(name) ?? null,
  };
}

const all = (value: string | null) => ({ read: value, applied: value, theirs: value });
const cookies = "session=1; Path=/, flash=saved; Path=/";

test("the page behind it is told of the cookies that it sets, and keeps the visitor's", () => {
  const answer = { "x-middleware-set-cookie": cookies };
  expect(seen(answer, "x-middleware-set-cookie")).toEqual(all(cookies));
  expect(seen(answer, "cookie")).toEqual(all("theme=dark"));
});

test("also when it changes the request's headers, which need not name them", () => {
  const answer = {
    "x-middleware-set-cookie": cookies,
    "x-middleware-override-headers": "x-new,accept",
    "x-middleware-request-x-new": "set",
    "x-middleware-request-accept": "text/html",
  };
  expect(seen(answer, "x-middleware-set-cookie")).toEqual(all(cookies));
  expect(seen(answer, "x-new")).toEqual(all("set"));
  expect(seen(answer, "accept")).toEqual(all("text/html"));
  expect(seen(answer, "x-old")).toEqual(all(null));
});

test("one that changes nothing leaves the request as it is", () => {
  const verdict = verdictOf(new Headers({ "x-middleware-next": "1", "x-mine": "1" }));
  expect(verdict).toEqual({ kind: "go-on", rewrite: null, headers: [["x-mine", "1"]], request: null });
});
