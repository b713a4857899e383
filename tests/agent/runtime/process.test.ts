/** The process around the functions: its environment, its lines, its many requests at once, and its end. */
import { once } from "node:events";
import { Agent } from "node:http";
import { afterEach, expect, test } from "vitest";
import { endAll, nodeFunction, start } from "./start.ts";

afterEach(endAll);

test("variables: the project's before the builder's, the platform's of this place before both, and Vercel's names beside", async () => {
  const environment = { FROM_BUILDER: "1", BOTH: "builder", PORT: "1" };
  const { ask, port } = await start(
    {
      "a.cjs":
        "const first = { ...process.env }; module.exports = (req, res) => res.end(JSON.stringify(first))",
    },
    { a: nodeFunction("a.cjs", { environment }) },
    {
      BOTH: "project",
      CLOUDIFY_URL: "a.example",
      CLOUDIFY_ENV: "preview",
      CLOUDIFY_SECRET: "x",
      CLOUDIFY_REGION: "none",
    },
  );
  const seen = JSON.parse((await ask("a")).text);
  expect(seen).toMatchObject({
    FROM_BUILDER: "1",
    BOTH: "project",
    PORT: String(port),
    CLOUDIFY_REGION: "fra",
    VERCEL_REGION: "fra",
    NOW_REGION: "fra",
    CLOUDIFY_DEPLOYMENT_ID: "dpl_1",
    VERCEL_DEPLOYMENT_ID: "dpl_1",
    CLOUDIFY_URL: "a.example",
    VERCEL_URL: "a.example",
    VERCEL_ENV: "preview",
    VERCEL: "1",
    NODE_ENV: "production",
  });
  expect(Object.keys(seen).filter((name) => /^AWS_|VERCEL_SECRET/.test(name))).toEqual([]);
});

test("lines know their function and level, whoever prints them, also among others and later", async () => {
  const code = (name: string): string => `
    console.log("loading ${name}");
    module.exports = async (req, res) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      console.warn("warned by ${name} %d", 7, { a: 1 });
      process.stdout.write("raw ");
      process.stdout.write("of ${name}\\nrest");
      process.stdout.write("\\n");
      console.error("two\\nlines of ${name}");
      setTimeout(() => console.debug("later ${name}"), 5);
      res.end();
    }`;
  const { ask, line, lines } = await start({ "a.cjs": code("a"), "b.cjs": code("b") });
  await Promise.all(["a", "b", "a", "b"].map((name) => ask(name)));
  for (const name of ["a", "b"]) {
    expect(await line(`loading ${name}`)).toMatchObject({ function: name, level: "info" });
    expect(await line(`warned by ${name}`)).toMatchObject({
      function: name,
      level: "warn",
      text: `warned by ${name} 7 { a: 1 }`,
    });
    expect(await line(`raw of ${name}`)).toMatchObject({
      function: name,
      level: "info",
      text: `raw of ${name}`,
    });
    expect(await line(`lines of ${name}`)).toMatchObject({ level: "error", text: `two\nlines of ${name}` });
    expect(await line(`later ${name}`)).toMatchObject({ function: name, level: "debug" });
  }
  expect(lines.every(({ at }) => Math.abs(Date.now() - at) < 60_000)).toBe(true);
});

test("a reader that is slow makes no function wait, and is told how much it missed", async () => {
  const { child, ask, line } = await start({
    "a.cjs": `
      module.exports = (req, res) => {
        for (let i = 0; i < 20000; i++) console.log("x".repeat(1000));
        res.end("printed");
      }`,
  });
  const lines = child.stdio[4] as NodeJS.ReadableStream;
  lines.pause();
  expect((await ask("a")).text).toBe("printed");
  lines.resume();
  expect((await line("lines were dropped")).level).toBe("warn");
});

test("a thousand requests at once are all answered, in one process", async () => {
  const { ask } = await start({
    "a.mjs": `
      let waiting = [];
      export const GET = async (request) => {
        await new Promise((resolve) => {
          if (waiting.push(resolve) === 1000) waiting.forEach((go) => go());
        });
        return new Response(new URL(request.url).search + " " + process.pid);
      }`,
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1000 });
  const all = await Promise.all(Array.from({ length: 1000 }, (_, i) => ask("a", { path: `/?${i}`, agent })));
  agent.destroy();
  expect(all.every(({ status, text }, i) => status === 200 && text.startsWith(`?${i} `))).toBe(true);
});

test("libraries find the request: waitUntil, headers, url, and Next's launcher its storage", async () => {
  const { ask, line, end } = await start({
    "a.cjs": `
      const vercel = globalThis[Symbol.for("@vercel/request-context")];
      const next = globalThis[Symbol.for("@next/request-context")];
      if (vercel.get() !== undefined) throw new Error("a request while it is loaded");
      module.exports = async (req, res) => {
        await 1;
        const { waitUntil, headers, url } = vercel.get();
        waitUntil(new Promise((resolve) => setTimeout(resolve, 300)).then(() => console.log("afterwards")));
        next.get().waitUntil(Promise.reject(new Error("failed afterwards")));
        const own = next[Symbol.for("internal.storage")].run({ mine: true }, () => next.get().mine);
        res.end(JSON.stringify({ agent: headers["x-a"], url, own }));
      }`,
  });
  const { text } = await ask("a", {
    path: "/p?q",
    headers: { "x-a": "b", "x-forwarded-proto": "https", host: "a.example" },
  });
  expect(JSON.parse(text)).toEqual({ agent: "b", url: "https://a.example/p?q", own: true });
  expect((await line("failed afterwards")).function).toBe("a");
  // The process waits for it, though the answer is long given.
  expect(await end("SIGTERM")).toBe(0);
  expect((await line("afterwards")).function).toBe("a");
});

test("SIGTERM: what is under way is finished, nothing new is taken, and the process ends with 0", async () => {
  const agent = new Agent({ keepAlive: true });
  const { open, ask, child, line } = await start({
    "a.cjs": `
      let begun;
      module.exports = (req, res) => {
        if (req.url === "/quick") return res.end("quick");
        process.once("SIGTERM", () => setTimeout(() => res.end(" finished"), 200));
        res.write("begun");
        console.log("under way");
      }`,
  });
  expect((await ask("a", { path: "/quick", agent })).text).toBe("quick");
  const slow = await open("a", { path: "/slow", agent });
  await line("under way");
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await expect.poll(() => ask("a", { path: "/quick" }).then(String, ({ code }) => code)).toBe("ECONNREFUSED");
  let text = "";
  for await (const chunk of slow) text += chunk;
  expect(text).toBe("begun finished");
  expect((await ended)[0]).toBe(0);
  agent.destroy();
});

test("the process ends when whoever started it is gone", async () => {
  const { child } = await start({ "a.cjs": "module.exports = () => {}" });
  const ended = once(child, "exit");
  (child.stdio[4] as NodeJS.ReadableStream & { destroy(): void }).destroy();
  expect((await ended)[0]).toBe(0);
});

test("the health path answers without a function's name", async () => {
  const { ask } = await start({ "a.cjs": "module.exports = () => {}" });
  expect((await ask("", { path: "/_cloudify/health" })).status).toBe(200);
});
