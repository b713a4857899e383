/**
 * What a middleware's answer means. Source: Next.js's and `@vercel/functions`' own `next()` and `rewrite()`, which speak
 * in these headers: `x-middleware-next`, `x-middleware-rewrite`, `x-middleware-override-headers`,
 * `x-middleware-request-<name>`, `x-middleware-set-cookie`.
 */

import type { RequestChange } from "#features/routing/transforms.ts";

export type Verdict =
  /** The response is the answer. */
  | { kind: "answer" }
  | {
      kind: "go-on";
      /** A path or a URL. */
      rewrite: string | null;
      /** Of the final response; repeated ones stay apart. */
      headers: [name: string, value: string][];
      /** The request's headers from here on; `null`: unchanged. */
      request: RequestChange | null;
    };

const OWN = /^x-middleware-/;
/** The cookies that it sets, once more, for the page behind it: Next.js's `cookies()` adds them to the visitor's. */
const COOKIES = "x-middleware-set-cookie";
/** About a body that is not sent. */
const OF_BODY = new Set(["content-length", "content-encoding", "transfer-encoding", "content-type"]);

type Given = Pick<Headers, "get"> & Iterable<[name: string, value: string]>;

export function verdictOf(headers: Given): Verdict {
  const rewrite = headers.get("x-middleware-rewrite");
  if (rewrite === null && headers.get("x-middleware-next") !== "1") return { kind: "answer" };
  const kept: [string, string][] = [];
  for (const [name, value] of headers) {
    if (!OWN.test(name) && !OF_BODY.has(name) && !name.startsWith("x-cloudify-")) kept.push([name, value]);
  }
  return { kind: "go-on", rewrite, headers: kept, request: requestHeadersOf(headers) };
}

function requestHeadersOf(headers: Given): RequestChange | null {
  const list = headers.get("x-middleware-override-headers");
  const cookies = headers.get(COOKIES);
  if (list === null && cookies === null) return null;
  /** All that remain: others are taken away. `null`: none is. */
  const names = list === null ? null : new Set(list.split(",").map((name) => name.trim().toLowerCase()));
  const values = new Map<string, string>();
  for (const name of names ?? []) {
    const value = headers.get(`x-middleware-request-${name}`);
    if (value !== null && !isOurs(name)) values.set(name, value);
  }
  if (cookies !== null) values.set(COOKIES, cookies);
  const remains = (name: string): boolean => names === null || names.has(name) || isOurs(name);
  return {
    read: (name, before) => values.get(name) ?? (remains(name) ? before : null),
    apply(given) {
      const changed = new Headers();
      for (const [name, value] of given) if (remains(name)) changed.append(name, value);
      for (const [name, value] of values) changed.set(name, value);
      return changed;
    },
  };
}

/** What the platform sets is not a middleware's to change. */
const isOurs = (name: string): boolean => /^(?:x-cloudify-|cf-|host$)/.test(name);
