/** `cloudify dev` on what another tool builds: a Build Output tree is served as it is, and watched. */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test, vi } from "vitest";
import { edge } from "#tests/support/functions.ts";
import { folder, tree } from "#tests/support/sites.ts";
import { type DevSession, RELOAD_LIMIT_MS, reloadTime, soon, startSessions } from "./session.ts";

// Some start several, on a machine that others use too.
vi.setConfig({ testTimeout: 180_000 });

const { open } = startSessions();

/** `/b` is answered with the text. */
const site = (text: string) => tree({ "a.txt": text }, { routes: [{ src: "/b", dest: "/a.txt" }] });
const within = (above: string, files: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [`${above}/${path}`, text]));

/** As `vercel build` does: what was there goes, and the files come one after the other. */
function build(session: DevSession, text: string): void {
  rmSync(join(session.folder, ".vercel"), { recursive: true, force: true });
  for (const [path, content] of Object.entries(within(".vercel/output", site(text)))) {
    mkdirSync(dirname(join(session.folder, path)), { recursive: true });
    session.write(path, content);
  }
}

test("one that is asked for goes before one in the folder, and is watched", async () => {
  const output = folder(site("one"));
  const session = await open(within(".vercel/output", site("another")), "--output", output);
  expect(await session.text("/b")).toBe("one");
  writeFileSync(join(output, "static/a.txt"), "two");
  await soon(() => session.text("/b")).toBe("two");
});

test("that is all of a folder is served anew in less than a second", async () => {
  const session = await open(within(".vercel/output", site("one")));
  expect(await session.text("/b")).toBe("one");
  const times = await reloadTime(
    (round) => session.write(".vercel/output/static/a.txt", `round ${round}`),
    async (round) => (await session.text("/b")) === `round ${round}`,
  );
  console.log(`a file of a tree: ${times.join(", ")} ms`);
  expect(Math.min(...times)).toBeLessThan(RELOAD_LIMIT_MS);
});

test("a function that is a link to another answers under both names, and follows a change", async () => {
  const output = folder({ ...tree({}), ...edge("a", `export default () => new Response("one")`) });
  symlinkSync("a.func", join(output, "functions/b.func"));
  const session = await open({}, "--output", output);
  expect([await session.text("/a"), await session.text("/b")]).toEqual(["one", "one"]);
  writeFileSync(join(output, "functions/a.func/index.js"), `export default () => new Response("two")`);
  await soon(() => session.text("/b")).toBe("two");
});

test("that is built while it runs is served: the first, one in its place, and one after none", async () => {
  const session = await open({});
  expect(await (await session.ask("/b")).json()).toMatchObject({ code: "nothing_to_deploy" });
  for (const text of ["first", "second"]) {
    build(session, text);
    await soon(() => session.text("/b")).toBe(text);
  }
  rmSync(join(session.folder, ".vercel"), { recursive: true });
  await soon(async () => (await session.ask("/b")).status).toBe(500);
  // Whole, by another name.
  cpSync(folder(site("third")), join(session.folder, ".vercel/draft"), { recursive: true });
  renameSync(join(session.folder, ".vercel/draft"), join(session.folder, ".vercel/output"));
  await soon(() => session.text("/b")).toBe("third");
  session.write(".vercel/output/static/a.txt", "fourth");
  await soon(() => session.text("/b")).toBe("fourth");
});

test("is not what a folder with sources is served by, until they are gone", async () => {
  const session = await open({ "a.txt": "source", ...within(".vercel/output", site("built")) });
  expect(await session.text("/a.txt")).toBe("source");
  build(session, "built again");
  session.write("a.txt", "changed");
  await soon(() => session.text("/a.txt")).toBe("changed");
  expect(session.output).not.toContain(".vercel");
  rmSync(join(session.folder, "a.txt"));
  await soon(() => session.text("/b")).toBe("built again");
});

/** A project whose build writes its source to a folder, and counts its runs. */
const project = (made: string, source: string) => ({
  "package.json": JSON.stringify({ type: "module", scripts: { build: "node build.js" } }),
  "package-lock.json": JSON.stringify({ lockfileVersion: 3, packages: {} }),
  "build.js": `import { appendFileSync, cpSync, readFileSync } from "node:fs";
    appendFileSync("node_modules/runs", "x");
    cpSync("node_modules/tree", "${made}", { recursive: true });
    cpSync("source.txt", "${made}/static/source.txt");
    if (readFileSync("source.txt", "utf8") === "broken") throw new Error("no build");`,
  ...within("node_modules/tree", tree({})),
  "node_modules/tree/static/keep": "",
  "source.txt": source,
});
const runs = ({ folder }: DevSession) => readFileSync(join(folder, "node_modules/runs"), "utf8");

test("that a project's own build writes makes no other build, nor does one that fails", async () => {
  const session = await open(project(".vercel/output", "broken"));
  expect(await (await session.ask("/source.txt")).json()).toMatchObject({ code: "build_failed" });
  session.write("source.txt", "one");
  await soon(() => session.text("/source.txt")).toBe("one");
  session.write("source.txt", "two");
  await soon(() => session.text("/source.txt")).toBe("two");
  expect(runs(session)).toBe("xxx");
});

test("that is built beside a project's own build makes no other build, and is not taken for what that has made", async () => {
  const session = await open(project("dist", "one"));
  expect(await session.text("/static/source.txt")).toBe("one");
  build(session, "beside");
  for (const text of ["two", "three"]) {
    const before = session.output.length;
    session.write("source.txt", text);
    await soon(() => session.output.slice(before)).toContain("(source.txt)");
    expect(await session.text("/static/source.txt")).toBe(text);
  }
  expect(runs(session)).toBe("xxx");
  expect(session.output).not.toMatch(/ready .*(?:dist|vercel)/);
});

test("a build that fails is not run again for what it has written", async () => {
  const session = await open(project("dist", "broken"));
  expect(await (await session.ask("/")).json()).toMatchObject({ code: "build_failed" });
  session.write("source.txt", "one");
  await soon(() => session.text("/static/source.txt")).toBe("one");
  expect(runs(session)).toBe("xx");
});
