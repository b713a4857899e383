/**
 * What a middleware's answer means. Source: Next.js's and `@vercel/functions`' own `next()` and `rewrite()`, which speak
 * in these headers: `x-middleware-next`, `x-middleware-rewrite`, `x-middleware-override-headers`,
 * `x-middleware-request-<name>`.
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
  if (list === null) return null;
  /** All that remain: others are taken away. */
  const names = new Set(list.split(",").map((name) => name.trim().toLowerCase()));
  const values = new Map<string, string>();
  for (const name of names) {
    const value = headers.get(`x-middleware-request-${name}`);
    if (value !== null && !isOurs(name)) values.set(name, value);
  }
  return {
    read: (name, before) => values.get(name) ?? (names.has(name) || isOurs(name) ? before : null),
    apply(given) {
      const changed = new Headers();
      for (const [name, value] of given) if (names.has(name) || isOurs(name)) changed.append(name, value);
      for (const [name, value] of values) changed.set(name, value);
      return changed;
    },
  };
}

/** What the platform sets is not a middleware's to change. */
const isOurs = (name: string): boolean => /^(?:x-cloudify-|cf-|host$)/.test(name);
