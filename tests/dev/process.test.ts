import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { run } from "#tests/support/platform.ts";
import { folder } from "#tests/support/sites.ts";
import { soon, startSessions } from "./session.ts";

// Some start several, on a machine that others use too.
vi.setConfig({ testTimeout: 180_000 });

const { add, open } = startSessions();

/** Processes that run in a folder, or with it among their words. */
function processesOf(path: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return (
        readlinkSync(`/proc/${pid}/cwd`).startsWith(path) ||
        readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(path)
      );
    } catch {
      return false;
    }
  });
}

test.each(["SIGINT", "SIGTERM"] as const)("%s ends everything, and leaves nothing behind", async (signal) => {
  const session = await open({ "index.html": "one" });
  expect(await session.text("/")).toBe("one");
  expect(processesOf(session.folder).length).toBeGreaterThan(1);
  expect(await session.stop(signal)).toBe(0);
  await soon(() => processesOf(session.folder)).toEqual([]);
  expect(readdirSync(session.folder)).toEqual(["index.html"]);
});

test("after a kill -9 the next one starts, and finds nothing of it running", async () => {
  const first = await open({ "index.html": "one" });
  await first.stop("SIGKILL");
  const second = add(first.folder);
  await second.start();
  expect(await second.text("/")).toBe("one");
  expect(await second.stop()).toBe(0);
  await soon(() => processesOf(first.folder)).toEqual([]);
});

test("a second one on the same folder is one clear line", async () => {
  const session = await open({ "index.html": "one" });
  const { code, stderr } = await run(["dev", session.folder], {});
  expect(code).toBe(1);
  expect(stderr).toContain("cloudify dev runs on");
  expect(await session.text("/")).toBe("one");
});

test("a port that is taken is one clear line; a port that is none too", async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  const root = folder({ "index.html": "one" });
  const taken = await run(["dev", root, "--port", String(port)], {});
  expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining(`Port ${port} is taken`)]);
  expect(existsSync(join(root, ".cloudify"))).toBe(false);
  server.close();
  const wrong = await run(["dev", root, "--port", "x"], {});
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("x is not a port")]);
});

test("git sees nothing of it", async () => {
  const session = await open({ "index.html": "one" });
  expect(readFileSync(join(session.folder, ".cloudify/dev/.gitignore"), "utf8")).toBe("*\n");
});

describe("a framework's own server", () => {
  const files = {
    "package.json": JSON.stringify({
      type: "module",
      scripts: { dev: "node serve.js", build: "true" },
      devDependencies: { vite: "7.3.8" },
    }),
    "package-lock.json": JSON.stringify({ lockfileVersion: 3, packages: {} }),
    "index.html": "<h1>source</h1>",
    "api/users/[id].ts": `export const config = { runtime: "edge" };\nexport default (request) => new Response("user " + new URL(request.url).searchParams.get("id"));`,
    "cloudify.json": JSON.stringify({ rewrites: [{ source: "/old/:id", destination: "/api/users/:id" }] }),
    "api/hello.ts": `export const config = { runtime: "edge" };\nexport default () => new Response("from a function");`,
    "middleware.ts": `export const config = { matcher: "/guarded" };\nexport default () => new Response("no entry", { status: 401 });`,
    "serve.js": `import { createServer } from "node:http";
      import { createHash } from "node:crypto";
      const server = createServer((req, res) => res.setHeader("x-server", process.env.GREETING).end(req.method + " " + req.url));
      server.on("upgrade", (req, socket) => {
        const accept = createHash("sha1").update(req.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
        socket.write("HTTP/1.1 101 Switching Protocols\\r\\nupgrade: websocket\\r\\nconnection: Upgrade\\r\\nsec-websocket-accept: " + accept + "\\r\\n\\r\\n");
        socket.write(Buffer.concat([Buffer.from([0x81, 3]), Buffer.from("hot")]));
        socket.on("error", () => {});
      });
      server.listen(Number(process.env.PORT), "::1");`,
    ".env.local": "GREETING=hello",
  };

  test("answers what no function and no middleware does, with its addresses as they were written and its environment", async () => {
    const session = await open(files);
    const found = await session.ask("/@id/a%2Fb.vue?vue&type=style&lang.css");
    expect([found.headers.get("x-server"), await found.text()]).toEqual([
      "hello",
      "GET /@id/a%2Fb.vue?vue&type=style&lang.css",
    ]);
    expect(await session.text("/", { method: "POST", body: "x" })).toBe("POST /");
    expect(await session.text("/api/hello")).toBe("from a function");
    expect(await session.text("/api/users/7")).toBe("user 7");
    expect(await session.text("/old/7")).toBe("user 7");
    expect((await session.ask("/guarded")).status).toBe(401);
    const socket = new WebSocket(`ws://localhost:${session.port}/hmr`);
    const told = new Promise((resolve) => {
      socket.addEventListener("message", ({ data }) => resolve(data));
      socket.addEventListener("close", ({ code }) => resolve(`closed with ${code}`));
    });
    expect(await told).toBe("hot");
    socket.close();
    session.write(".env.local", "GREETING=again");
    await soon(async () => (await session.ask("/")).headers.get("x-server")).toBe("again");
    expect(await session.stop()).toBe(0);
    await soon(() => processesOf(session.folder)).toEqual([]);
  });

  test.each(["SIGINT", "SIGTERM"] as const)("that does not listen yet is ended by %s", async (signal) => {
    const session = add(
      folder({ ...files, "serve.js": "console.log('it waits'); setInterval(() => undefined, 1_000);" }),
    );
    const start = session.start().catch(() => undefined);
    await soon(() => session.output).toContain("it waits");
    expect(await session.stop(signal)).toBe(0);
    await start;
    expect(session.output).not.toContain(" is at http");
    await soon(() => processesOf(session.folder)).toEqual([]);
  });

  test("that ends is said, and started again with the next change", async () => {
    const session = await open({ ...files, "serve.js": "console.error('it broke'); process.exit(3);" });
    expect(await (await session.ask("/")).json()).toMatchObject({
      detail: expect.stringContaining("ended with"),
    });
    expect(session.output).toContain("it broke");
    writeFileSync(join(session.folder, "serve.js"), files["serve.js"]);
    await soon(() => session.text("/x")).toBe("GET /x");
  });
});

test("a build runs again when a source changes, and not for what it has written itself", async () => {
  const session = await open({
    "package.json": JSON.stringify({ type: "module", scripts: { build: "node build.js" } }),
    "package-lock.json": JSON.stringify({ lockfileVersion: 3, packages: {} }),
    "build.js": `import { mkdirSync, readFileSync, writeFileSync, appendFileSync } from "node:fs";
      mkdirSync("dist", { recursive: true });
      appendFileSync("node_modules/runs", "x");
      writeFileSync("dist/index.html", "<h1>" + readFileSync("source.txt", "utf8") + "</h1>");`,
    "node_modules/keep": "",
    "source.txt": "one",
  });
  expect(await session.text("/")).toBe("<h1>one</h1>");
  mkdirSync(join(session.folder, "dist"), { recursive: true });
  session.write("source.txt", "two");
  await soon(() => session.text("/")).toBe("<h1>two</h1>");
  session.write("build.js", "throw new Error('no build')");
  await soon(async () => (await session.ask("/")).status).toBe(500);
  expect(await (await session.ask("/")).json()).toMatchObject({ code: "build_failed" });
  expect(session.output).toContain("no build");
  expect(readFileSync(join(session.folder, "node_modules/runs"), "utf8")).toBe("xx");
});
