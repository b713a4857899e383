/** `cloudify dev` on a project with a build: which changes make another one, and that none is lost. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { type DevSession, soon, startSessions } from "./session.ts";

// Some start several, on a machine that others use too.
vi.setConfig({ testTimeout: 180_000 });

const { open } = startSessions();

/** Its build notes each run before it does what is given. */
const project = (work: string): Record<string, string> => ({
  "package.json": JSON.stringify({ type: "module", scripts: { build: "node build.js" } }),
  "package-lock.json": JSON.stringify({ lockfileVersion: 3, packages: {} }),
  "build.js": `import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
    appendFileSync("node_modules/runs", "x");
    ${work}`,
  "node_modules/keep": "",
});
const runs = ({ folder }: DevSession) => readFileSync(join(folder, "node_modules/runs"), "utf8").length;

test("a page that lies beside what the build writes is served anew, and the build does not run for what it writes", async () => {
  const session = await open({
    ...project(`writeFileSync("public/app.js", "built from " + readFileSync("source.txt", "utf8"));`),
    "public/index.html": "one",
    "source.txt": "one",
  });
  expect(await session.text("/")).toBe("one");
  session.write("public/index.html", "two");
  await soon(() => session.text("/")).toBe("two");
  session.write("source.txt", "two");
  await soon(() => session.text("/app.js")).toBe("built from two");
  expect(runs(session)).toBe(3);
});

test("what is saved while a build runs is built", async () => {
  const session = await open({
    ...project(`cpSync("public", "dist", { recursive: true });
      cpSync("source.txt", "dist/source.txt");
      const wait = () => existsSync("node_modules/gate") && setTimeout(wait, 10);
      wait();`),
    "public/index.html": "one",
    "source.txt": "one",
  });
  session.write("node_modules/gate", "");
  session.write("source.txt", "two");
  await soon(() => runs(session)).toBe(2);
  await soon(() => readFileSync(join(session.folder, "dist/source.txt"), "utf8")).toBe("two");
  session.write("public/index.html", "three");
  rmSync(join(session.folder, "node_modules/gate"));
  await soon(() => session.text("/")).toBe("three");
  expect(await session.text("/source.txt")).toBe("two");
  expect(runs(session)).toBe(3);
});

test("requests are answered while something writes without a pause", async () => {
  const session = await open({ "index.html": "one", ".cloudifyignore": "*.log" });
  let count = 0;
  const writer = setInterval(() => session.write(`${count++ % 9}.log`, String(count)), 10);
  try {
    await soon(() => count).toBeGreaterThan(100);
    expect(await session.text("/")).toBe("one");
  } finally {
    clearInterval(writer);
  }
});
