import { expect, test } from "vitest";
import { compileRoutes } from "./compile.ts";
import { resolve } from "./resolve.ts";

/** Headers of the answer at `/a.js`. @param outputs The paths that exist. */
async function headers(routes: unknown[], outputs = ["/a.js"]) {
  const compiled = compileRoutes({ routes });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.issues));
  const found = await resolve<string>(
    { method: "GET", url: new URL("http://site.test/a.js"), header: () => null },
    compiled.table,
    async (path) => (outputs.includes(path) ? path : undefined),
  );
  return Object.fromEntries(found.headers);
}

const cached = (value: string, more: object = {}) => ({
  src: "^/a\\.js$",
  headers: { "cache-control": value },
  continue: true,
  ...more,
});

test("`hit` fills in what the project's own routes have not said", async () => {
  expect(await headers([cached("own"), { handle: "hit" }, cached("framework")])).toEqual({
    "cache-control": "own",
  });
  const other = { src: "^/.*$", headers: { "x-own": "1" }, continue: true };
  expect(await headers([other, { handle: "hit" }, cached("framework")])).toEqual({
    "x-own": "1",
    "cache-control": "framework",
  });
});

test("unless its route is important; among themselves the last wins", async () => {
  const firm = [cached("own"), { handle: "hit" }, cached("framework", { important: true })];
  expect(await headers(firm)).toEqual({ "cache-control": "framework" });
  expect(await headers([{ handle: "hit" }, cached("first"), cached("last")])).toEqual({
    "cache-control": "last",
  });
});

test("`miss` fills in, too, and what follows may change it again", async () => {
  const missed = { handle: "miss" };
  const gone = { src: "^/a\\.js$", dest: "/b.js", check: true, headers: { "cache-control": "missed" } };
  expect(await headers([cached("own"), missed, gone], ["/b.js"])).toEqual({ "cache-control": "own" });
  expect(await headers([missed, gone], ["/b.js"])).toEqual({ "cache-control": "missed" });
  const behind = [cached("own"), { handle: "filesystem" }, cached("behind"), missed, cached("missed")];
  expect(
    await headers([...behind, { handle: "resource" }, { src: "^/a\\.js$", dest: "/b.js" }], ["/b.js"]),
  ).toEqual({
    "cache-control": "behind",
  });
});
