import { readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { folder } from "#tests/support/sites.ts";
import { DevSession, RELOAD_LIMIT_MS, reloadTime, soon } from "./session.ts";

const hello = (word: string) => `export const config = { runtime: "edge" };
export default (request: Request) => {
  console.log("asked for", new URL(request.url).pathname);
  return new Response("${word} " + process.env.GREETING + " in " + process.env.CLOUDIFY_ENV);
};
`;
const session = new DevSession(
  folder({
    "index.html": "<h1>one</h1>",
    "api/hello.ts": hello("hello"),
    "api/other.ts": hello("other"),
    "api/sum.ts": `import { add } from "../lib/add";
      export const config = { runtime: "edge" };
      export default () => new Response(String(add(2, 3)));`,
    "api/socket.ts": `export const config = { runtime: "edge" };
      export default () => {
        const [client, server] = Object.values(new WebSocketPair());
        server.accept();
        server.addEventListener("message", (event) => server.send("echo " + event.data));
        return new Response(null, { status: 101, webSocket: client });
      };`,
    "lib/add.ts": "export const add = (a: number, b: number): number => a + b;",
    ".env": "GREETING=nobody\nOTHER=1",
    ".env.local": "GREETING=you",
  }),
);
beforeAll(() => session.start());
afterAll(() => session.stop());

const problemOf = async (path: string) => {
  const found = await session.ask(path);
  return {
    status: found.status,
    ...((await found.json()) as { code: string; source?: Record<string, unknown> }),
  };
};

test("a static file is served anew in less than a second", async () => {
  const times = await reloadTime(
    (round) => session.write("index.html", `<h1>round ${round}</h1>`),
    async (round) => (await session.text("/")) === `<h1>round ${round}</h1>`,
  );
  console.log(`a static file: ${times.join(", ")} ms`);
  expect(Math.min(...times)).toBeLessThan(RELOAD_LIMIT_MS);
});

test("a function is served anew in less than a second, and only that one is bundled", async () => {
  const before = session.output.length;
  const times = await reloadTime(
    (round) => session.write("api/hello.ts", hello(`round-${round}`)),
    async (round) => (await session.text("/api/hello")).startsWith(`round-${round} `),
  );
  console.log(`a function: ${times.join(", ")} ms`);
  expect(Math.min(...times)).toBeLessThan(RELOAD_LIMIT_MS);
  const said = session.output.slice(before);
  expect(said).toMatch(/ready in \d+ ms \(api\/hello\.ts\), bundled api\/hello\n/);
  expect(said).not.toContain("bundled api/other");
});

test("what a function imports counts as the function", async () => {
  expect(await session.text("/api/sum")).toBe("5");
  session.write("lib/add.ts", "export const add = (a: number, b: number): number => a * b;");
  await soon(() => session.text("/api/sum")).toBe("6");
});

test("new files are there, and those that are removed are gone", async () => {
  session.write("new.txt", "new");
  await soon(() => session.text("/new.txt")).toBe("new");
  rmSync(join(session.folder, "new.txt"));
  await soon(async () => (await session.ask("/new.txt")).status).toBe(404);
});

test("the environment comes from .env and .env.local, and a change of it reloads", async () => {
  expect(await session.text("/api/other")).toBe("other you in development");
  session.write(".env.local", "GREETING=everybody");
  await soon(() => session.text("/api/other")).toBe("other everybody in development");
  session.write(".env.local", "");
  await soon(() => session.text("/api/other")).toBe("other nobody in development");
  expect((await session.ask("/.env.local")).status).toBe(404);
});

test("a change of the environment outlasts a round that fails", async () => {
  const whole = readFileSync(join(session.folder, "api/hello.ts"), "utf8");
  session.write("api/hello.ts", "export default () => { let x = ; };\n");
  await soon(async () => (await session.ask("/")).status).toBe(500);
  const before = session.output.length;
  session.write(".env.local", "GREETING=later");
  await soon(() => session.output.slice(before)).toContain("error api/hello.ts");
  session.write("api/hello.ts", whole);
  await soon(() => session.text("/api/other")).toBe("other later in development");
});

test("console lines and requests are in the terminal", async () => {
  await session.text("/api/other?a=1");
  await soon(() => session.output).toMatch(/GET \/api\/other\?a=1 200 \d+ ms/);
  await soon(() => session.output).toContain("api/other │ asked for /api/other");
});

test("a socket that a function takes is passed through", async () => {
  const socket = new WebSocket(`ws://localhost:${session.port}/api/socket`);
  const answer = new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve(data)));
  socket.addEventListener("open", () => socket.send("this"));
  expect(await answer).toBe("echo this");
  socket.close();
});

describe("what is wrong is the answer, until it is mended", () => {
  test("a function that can't be bundled: file, line, column and excerpt, in the page and the terminal", async () => {
    session.write(
      "api/hello.ts",
      "export const config = { runtime: 'edge' };\nexport default () => { let x = ; };\n",
    );
    await soon(async () => (await session.ask("/")).status).toBe(500);
    expect(await problemOf("/api/other")).toMatchObject({
      status: 500,
      code: "bundle_failed",
      source: {
        file: "api/hello.ts",
        line: 2,
        column: 32,
        excerpt: expect.stringContaining("> 2 | export default"),
      },
    });
    const page = await session.ask("/", { headers: { accept: "text/html,*/*" } });
    expect(page.headers.get("content-type")).toContain("text/html");
    expect(await page.text()).toContain("api/hello.ts:2:32");
    expect(session.output).toContain("> 2 | export default");
    session.write("api/hello.ts", hello("mended"));
    await soon(() => session.text("/api/hello")).toContain("mended ");
  });

  test("a function that throws: the place in its source", async () => {
    const lines = ['export const config = { runtime: "edge" };', "interface Any { a: string }", ""];
    session.write(
      "api/hello.ts",
      [...lines, "export default () => {", "  throw new Error('on purpose');", "};"].join("\n"),
    );
    await soon(async () => (await session.ask("/api/hello")).status).toBe(500);
    expect(await problemOf("/api/hello")).toMatchObject({
      code: "function_failed",
      detail: "Error: on purpose",
      source: { file: "api/hello.ts", line: 5, column: 9 },
    });
    // Others go on.
    expect((await session.ask("/")).status).toBe(200);
    await soon(() => session.output).toContain("api/hello.ts:5:9");
  });

  test.each([
    ["that is not JSON", '{\n  "cleanUrls": tru\n}', { line: 2 }],
    ["with a key that nothing uses", '{\n  "cleanUrls": true,\n  "crons": []\n}', { line: 3, column: 3 }],
    ["with a wrong route", '{\n  "redirects": [{ "source": "a" }]\n}', { line: 2 }],
  ])("a configuration %s", async (_, text, place) => {
    session.write("cloudify.json", text);
    await expect
      .poll(() => problemOf("/no-such-page"))
      .toMatchObject({
        status: 500,
        source: { file: "cloudify.json", ...place },
      });
    rmSync(join(session.folder, "cloudify.json"));
    await soon(async () => (await session.ask("/")).status).toBe(200);
  });

  test("the page is told of the next change", async () => {
    const heard = new Promise<string>((resolve) => {
      const asked = request(
        { port: session.port, host: "localhost", path: "/_cloudify/dev/changes" },
        (found) => {
          found.on("data", (chunk: Buffer) => {
            if (!chunk.toString().includes("event: change"))
              return session.write("index.html", "<h1>changed</h1>");
            resolve(chunk.toString());
            asked.destroy();
          });
        },
      );
      asked.end();
    });
    expect(await heard).toContain("event: change");
  });
});
