import { expect, test } from "vitest";
import { compileHas } from "./compile.ts";
import { Asked, fulfil } from "./conditions.ts";

function captured(has: object, host = "acme.site.test") {
  const { conditions, issues } = compileHas([has], "has");
  expect(issues).toEqual([]);
  const [condition] = conditions;
  if (!condition) throw new Error("no condition");
  const asked = new Asked(
    host,
    () => new URLSearchParams("q=1"),
    () => null,
  );
  return fulfil(condition, asked);
}

// `collectHasSegments` of @vercel/routing-utils writes `:host` of a destination as `$host`.
test("a host that fulfils a condition is captured as `host`", () => {
  expect(captured({ type: "host", value: "acme\\.site\\.test" })).toEqual({ host: "acme.site.test" });
  expect(captured({ type: "host", value: { re: ".+\\.site\\.test" } })).toEqual({ host: "acme.site.test" });
  expect(captured({ type: "host", value: { suf: ".site.test" } })).toEqual({ host: "acme.site.test" });
  expect(captured({ type: "host", value: "other\\.test" })).toBeNull();
});

test("a group stands beside it, or in its place", () => {
  expect(captured({ type: "host", value: "(?<tenant>.+)\\.site\\.test" })).toEqual({
    host: "acme.site.test",
    tenant: "acme",
  });
  expect(captured({ type: "host", value: "(?<host>.+)\\.site\\.test" })).toEqual({ host: "acme" });
});

test("of others only what has no test is captured by its key", () => {
  expect(captured({ type: "query", key: "q" })).toEqual({ q: "1" });
  expect(captured({ type: "query", key: "q", value: "1" })).toEqual({});
});
