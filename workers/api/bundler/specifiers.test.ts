import fc from "fast-check";
import { expect, test } from "vitest";
import { inside, mapped, variants } from "./specifiers.ts";

test("a map knows names and prefixes, the longest first", () => {
  const imports = { lib: "./vendor/lib.js", "lib/": "./vendor/lib/", "lib/deep/": "./deep/" };
  expect(mapped(imports, "lib")).toBe("./vendor/lib.js");
  expect(mapped(imports, "lib/a.js")).toBe("./vendor/lib/a.js");
  expect(mapped(imports, "lib/deep/a.js")).toBe("./deep/a.js");
  expect(mapped(imports, "library")).toBeNull();
  expect(mapped(imports, "constructor")).toBeNull();
});

test("no import leads out of the folder", () => {
  const part = fc.constantFrom("..", ".", "a", "b", "");
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 6 }),
      fc.array(part, { minLength: 1, maxLength: 9 }),
      (from, to) => {
        const folder = from.filter((one) => /^[ab]$/.test(one));
        const found = inside([...folder, "x.ts"].join("/"), `./${to.join("/")}`);
        if (found !== null) expect(found.split("/")).not.toContain("..");
        let depth = folder.length;
        const isOut = to.some((one) => {
          if (one === "..") depth--;
          else if (/^[ab]$/.test(one)) depth++;
          return depth < 0;
        });
        expect(found === null).toBe(isOut);
      },
    ),
  );
});

test("TypeScript's .js means .ts, a folder its index", () => {
  expect(variants("a.js").slice(0, 2)).toEqual(["a.js", "a.ts"]);
  expect(variants("lib")).toContain("lib/index.ts");
  expect(variants("")).toContain("index.ts");
});
