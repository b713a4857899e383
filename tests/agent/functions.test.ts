/** Functions as an output has them, run by the runtime as a child of the process driver. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NodeFunction } from "@cloudify/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Region, startRegion, type Told } from "#tests/support/region.ts";

let region: Region;
beforeEach(async () => {
  region = await startRegion({ drainMs: 2_000 });
});
afterEach(() => region.stop());

const plain = { cwd: "", launcher: "Nodejs", hasHelpers: true, maxDuration: 10, environment: {} } as const;
const functions = (modules: Record<string, string>, told?: Told) => {
  const names = Object.keys(modules);
  const run = Object.fromEntries(
    names.map((name): [string, NodeFunction] => [name, { ...plain, handler: `${name}.cjs` }]),
  );
  const files = Object.fromEntries(Object.entries(modules).map(([name, text]) => [`${name}.cjs`, text]));
  return region.wish({ kind: "functions", functions: run }, files, told);
};
const call = (name: string, path = "/") => region.ask(path, { headers: { "x-cloudify-function": name } });
const faultOf = (answer: Response) => answer.headers.get("x-cloudify-ingress-fault");

test("each function answers for itself, and its lines carry its name", async () => {
  const hello = `module.exports = (req, res) => { console.log("called", req.query.a); res.json({ region: process.env.CLOUDIFY_REGION }); };`;
  await region.apply(functions({ hello, other: `module.exports = (req, res) => res.end("other");` }));
  expect(await (await call("hello", "/x?a=1")).json()).toEqual({ region: "fra" });
  expect(await (await call("other")).text()).toBe("other");
  expect(faultOf(await call("neither"))).toBe("absent");
  await expect
    .poll(() => region.lines)
    .toContainEqual(expect.objectContaining({ function: "hello", text: "called 1" }));
});

test("a module without a package.json of its own is CommonJS, whatever lies above the region's home", async () => {
  // As above the default home, which lies in the platform's checkout.
  writeFileSync(join(region.home, "package.json"), `{"type":"module"}`);
  const run = { kind: "functions", functions: { index: { ...plain, handler: "index.js" } } } as const;
  await region.apply(region.wish(run, { "index.js": `module.exports = (req, res) => res.end("common");` }));
  expect(await (await call("index")).text()).toBe("common");
});

test("time is UTC and NODE_ENV production, unless a function's configuration says otherwise, or the project", async () => {
  const machine = process.env.TZ;
  process.env.TZ = "Asia/Tokyo";
  const index = `module.exports = (req, res) =>
    res.end([new Date(0).getHours(), process.env.TZ, process.env.NODE_ENV].join(" "));`;
  const said = async (deployment: string, environment: Record<string, string>, env = {}) => {
    const run = { index: { ...plain, handler: "index.cjs", environment } };
    await region.apply(
      region.wish({ kind: "functions", functions: run }, { "index.cjs": index }, { deployment, env }),
    );
    return (await region.ask("/", { headers: { "x-cloudify-function": "index" } }, deployment)).text();
  };
  try {
    const own = { TZ: "America/Bogota", NODE_ENV: "staging" };
    expect(await said("dpl1", {})).toBe("0 UTC production");
    expect(await said("dpl2", own)).toBe("19 America/Bogota staging");
    expect(await said("dpl3", own, { TZ: "Asia/Kolkata", NODE_ENV: "test" })).toBe("5 Asia/Kolkata test");
  } finally {
    if (machine === undefined) delete process.env.TZ;
    else process.env.TZ = machine;
  }
});

test("a line is one line up to 32,768 characters, with its level, and shows no part of a secret", async () => {
  const told = { env: { KEY: "canary-0123456789" }, secrets: ["KEY"] };
  // In the middle of it plain output would be cut.
  const long = `module.exports = (req, res) => {
    console.error("é".repeat(8_190) + process.env.KEY + "é".repeat(4_000));
    res.end();
  };`;
  await region.apply(functions({ long }, told));
  await call("long");
  const text = `${"é".repeat(8_190)}[redacted]${"é".repeat(4_000)}`;
  await expect.poll(() => region.lines).toHaveLength(1);
  expect(region.lines).toEqual([expect.objectContaining({ function: "long", level: "error", text })]);
});

test("where a line is cut, no part of a secret is left on either side", async () => {
  const told = { env: { KEY: "canary-0123456789" }, secrets: ["KEY"] };
  const cut = `module.exports = (req, res) => {
    const text = "x".repeat(32_760) + process.env.KEY + "y";
    console.log(text);
    process.stdout.write(text.slice(0, 32_770));
    process.stdout.write(text.slice(32_770) + "\\nnext\\n");
    res.end();
  };`;
  await region.apply(functions({ cut }, told));
  await call("cut");
  await expect
    .poll(() => region.lines.map(({ text }) => text.replace(/^x+/, "x")))
    .toEqual(["x[redacted]… (10 characters cut)", "x[redacted]… (10 characters cut)", "next"]);
});

test("what throws, and what takes too long, is told apart; a function can't say so itself", async () => {
  await region.apply(
    functions({
      throws: `module.exports = () => { throw new Error("as it was told"); };`,
      never: `module.exports = () => undefined;`,
      lies: `module.exports = (req, res) => { res.setHeader("x-cloudify-ingress-fault", "absent"); res.end("lie"); };`,
    }),
  );
  const threw = await call("throws");
  expect([threw.status, faultOf(threw)]).toEqual([500, "threw"]);
  const late = await region.ask("/", {
    headers: { "x-cloudify-function": "never", "x-cloudify-timeout-ms": "300" },
  });
  expect([late.status, faultOf(late)]).toEqual([504, "timeout"]);
  const lies = await call("lies");
  expect([await lies.text(), faultOf(lies)]).toEqual(["lie", null]);
});

test("a workload is not ready while its only module throws, says why, and is well once that has passed", async () => {
  const flag = join(region.home, "database");
  const needs = `
    if (!require("node:fs").existsSync(${JSON.stringify(flag)})) throw new Error("no database");
    module.exports = (req, res) => res.end("well");`;
  const wish = { ...functions({ needs }), isWarm: true };
  await region.apply(wish);
  await expect
    .poll(() => region.statuses.at(-1), { timeout: 10_000 })
    .toMatchObject({ ready: "false", reason: "Crashed", detail: expect.stringContaining("no database") });
  expect(region.statuses.some(({ ready }) => ready === "true")).toBe(false);
  writeFileSync(flag, "");
  await expect.poll(() => region.statuses.at(-1), { timeout: 20_000 }).toMatchObject({ ready: "true" });
  expect(await (await call("needs")).text()).toBe("well");
});

test("while a process ends of an error that nobody caught, the next requests are another's", async () => {
  const breaks = `let broken = false; module.exports = (req, res) => {
    if (req.url === "/break") setTimeout(() => { throw new Error("nobody catches this"); }, 1);
    setTimeout(() => res.end("pid " + process.pid), 20);
  };`;
  await region.apply(functions({ breaks }));
  const before = await (await call("breaks")).text();
  await (await call("breaks", "/break")).text();
  const answers = await Promise.all(Array.from({ length: 20 }, () => call("breaks")));
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
  await expect.poll(async () => (await (await call("breaks")).text()) === before).toBe(false);
});

test("a function that never comes back takes its process with it: those that wait are told, and the next one answers", async () => {
  await region.stop();
  region = await startRegion({ hangLimitMs: 2_000 });
  const modules = {
    pid: `module.exports = (req, res) => res.end(String(process.pid));`,
    slow: `module.exports = (req, res) => { setTimeout(() => res.end("late"), 60_000); };`,
    busy: `module.exports = (req, res) => { const until = Date.now() + 1_000; while (Date.now() < until); res.end("done"); };`,
    loop: `module.exports = () => { for (;;); };`,
  };
  await region.apply(functions(modules));
  const first = await (await call("pid")).text();
  // What takes a while is no loop.
  expect(await (await call("busy")).text()).toBe("done");
  expect(await (await call("pid")).text()).toBe(first);
  const waiting = [call("slow"), call("loop"), call("loop")];
  for (const answer of await Promise.all(waiting))
    expect([answer.status, faultOf(answer)]).toEqual([502, "crashed"]);
  const second = await (await call("pid")).text();
  expect(second).not.toBe(first);
  expect(region.statuses.filter(({ reason }) => reason === "Unresponsive")).toHaveLength(1);
  expect(region.lines.map(({ text }) => text)).toContainEqual(
    expect.stringContaining("as in an endless loop"),
  );
  expect(() => process.kill(Number(first), 0)).toThrow();
});

test("a function that loops after its visitor has gone is ended, too", async () => {
  await region.stop();
  region = await startRegion({ hangLimitMs: 1_000 });
  const here = `module.exports = (req, res) => res.end("here");`;
  await region.apply(functions({ here, loop: `module.exports = () => { for (;;); };` }));
  // The time of the request is not to go by while its process starts.
  expect(await (await call("here")).text()).toBe("here");
  const headers = { "x-cloudify-function": "loop", "x-cloudify-timeout-ms": "1200" };
  expect(faultOf(await region.ask("/", { headers }))).toBe("timeout");
  await expect.poll(() => region.statuses.map(({ reason }) => reason)).toContain("Unresponsive");
  await expect.poll(() => region.said()).toMatchObject({ ready: "true", restarts: 1 });
});
