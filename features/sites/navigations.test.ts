import { expect, test } from "vitest";
import { navigationsOf } from "./navigations.ts";
import type { Prerender } from "./site.ts";
import { unitsOf } from "./units.ts";

const file = (path: string, link?: string) => ({ path, sha256: path, size: 1, ...(link ? { link } : {}) });
const page = (type: string): Prerender => ({
  file: { sha256: type, size: 1, type },
  status: 200,
  headers: [],
  expiration: false,
});
const units = unitsOf([
  file("functions/data/[id].func/.vc-config.json"),
  file("functions/other.func/.vc-config.json"),
  ...["feed.xml", "feed.xml.rsc", "about", "about.rsc", "bare", "bare.rsc", "robots.txt"].map((name) =>
    file(`functions/${name}.func`, "data/[id].func"),
  ),
  file("functions/robots.txt.rsc.func", "other.func"),
]);

const NO_FILES = new Map();

test("a route handler that was prerendered answers a navigation as it answers all", () => {
  const prerenders = { "feed.xml": page("application/atom+xml"), about: page("text/html") };
  const handlers = new Set(["feed.xml", "about"]);
  expect(Object.fromEntries(navigationsOf(units, { prerenders, handlers }, NO_FILES))).toEqual({
    "feed.xml.rsc": prerenders["feed.xml"],
    "about.rsc": prerenders.about,
  });
});

test("a page, what has a form of its own, what was not prerendered and another function are left alone", () => {
  const text = page("text/plain");
  const prerenders = { about: text, "feed.xml": text, "feed.xml.rsc": text, "robots.txt": text };
  const handlers = new Set(["feed.xml", "robots.txt"]);
  expect(navigationsOf(units, { prerenders, handlers }, NO_FILES).size).toBe(0);
});

test("so does one that became a file", () => {
  const icon = { sha256: "icon", size: 1, type: "image/x-icon" };
  const page = { sha256: "page", size: 1, type: "text/html; charset=utf-8" };
  const files = new Map([
    ["favicon.ico", icon],
    ["help", page],
  ]);
  const own = unitsOf(
    ["favicon.ico", "help"].map((name) => file(`functions/${name}.rsc.func/.vc-config.json`)),
  );
  const found = navigationsOf(own, { prerenders: {}, handlers: new Set() }, files);
  expect([...found]).toEqual([
    ["favicon.ico.rsc", { file: icon, status: 200, headers: [], expiration: false }],
  ]);
});
