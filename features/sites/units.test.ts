import { expect, test } from "vitest";
import { unitsOf } from "./units.ts";

const file = (path: string, link?: string) => ({
  path,
  sha256: "a".repeat(64),
  size: 1,
  ...(link === undefined ? {} : { link }),
});

test("a function is its folder, and a linked one is the other under a name of its own", () => {
  const units = unitsOf([
    file("functions/posts/[slug].func/.vc-config.json"),
    file("functions/posts/[slug].func/server/app.js"),
    file("functions/about.func", "posts/[slug].func"),
    file("functions/posts/one.func", "[slug].func"),
    file("functions/en/x/two.func", "../../about.func"),
    file("functions/posts/one.prerender-config.json"),
    file("static/x.func/y"),
  ]);
  expect([...units.keys()].sort()).toEqual(["about", "en/x/two", "posts/[slug]", "posts/one"]);
  const own = units.get("posts/[slug]");
  expect(own?.config?.path).toBe("functions/posts/[slug].func/.vc-config.json");
  expect([...(own?.files.keys() ?? [])]).toEqual(["server/app.js"]);
  for (const name of ["about", "en/x/two", "posts/one"]) expect(units.get(name)).toBe(own);
});

test("links to nothing, to themselves and in a circle have no configuration, so they are refused by name", () => {
  const units = unitsOf([
    file("functions/a.func", "b.func"),
    file("functions/b.func", "a.func"),
    file("functions/c.func", "c.func"),
    file("functions/d.func", "gone.func"),
  ]);
  expect([...units.values()].map((unit) => unit.config)).toEqual([null, null, null, null]);
});
