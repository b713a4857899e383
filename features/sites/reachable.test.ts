import { expect, test } from "vitest";
import { reachableBy } from "./reachable.ts";

test.each<[name: string, dest: string]>([
  ["posts/[slug]", "/posts/[slug]?nxtPslug=$nxtPslug"],
  ["posts/[slug].rsc", "/posts/[slug]$rscsuff?nxtPslug=$nxtPslug"],
  ["posts/[slug].rsc", "/posts/[slug].rsc"],
  ["posts/[slug]", "posts/[slug]"],
  ["posts/[slug]", "/posts/%5Bslug%5D?slug=$1"],
  ["posts/[slug]", "/posts/[slug]/edit"],
  ["[user]/posts/[slug]", "/[user]/posts/[slug]#top"],
  // Next.js with locales: pages, and their data.
  ["shop/[id]", "/$nextLocale/shop/[id]?nextInternalLocale=$nextLocale&id=$id"],
  ["en/posts/[slug]", "/$nextLocale/posts/[slug]?slug=$slug"],
  ["_next/data/B/en/posts/[slug].json", "/_next/data/B/$nextLocale/posts/[slug].json?slug=$slug"],
  ["_next/data/B/posts/[slug].json", "/_next/data/B/$nextLocale/posts/[slug].json?slug=$slug"],
  ["a/b/c/[id]", "/$1/[id]"],
])("%s is reachable by %s", (name, dest) => {
  expect(reachableBy(["/other", dest])(name)).toBe(true);
});

test.each<[name: string, dest: string]>([
  ["posts/[slug]", "/posts/$slug"],
  ["posts/[slug]", "/$1"],
  ["posts/[slug]", "/$nextLocale/posts/$1?x=[slug]"],
  ["posts/[slug]", "/posts/[id]"],
  ["posts/[slug]", "/posts/a/[slug]"],
  ["[user]/posts/[slug]", "/$user/posts/[slug]"],
  ["posts/[slug]", "/posts/%5Bslug%"],
])("%s is not reachable by %s", (name, dest) => {
  expect(reachableBy([dest])(name)).toBe(false);
});

test("a name without parameters is asked for as it is", () => {
  expect(reachableBy([])("about")).toBe(true);
});
