import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { get } from "#tests/support/http.ts";
import { ROOT, TestPlatform } from "#tests/support/platform.ts";
import { socketTo } from "#tests/support/socket.ts";

const platform = new TestPlatform();
beforeAll(() => platform.start({ CLOUDIFY_TEST_CF: "1" }));
afterAll(() => platform.remove());

/** As its README says, from where it lies. @returns Its production address. */
async function deploy(example: string): Promise<string> {
  const project = `example-${example}`;
  const words = ["deploy", join(ROOT, "examples", example), "--prod", "--project", project];
  const { aliases } = await platform.json<{ aliases: string[] }>(...words);
  return aliases[0] ?? "";
}

const from = (country: string) => ({ "x-cloudify-test-cf": JSON.stringify({ country }) });
const title = async (found: Response) => /<h1>(.*)<\/h1>/.exec(await found.text())?.[1];
const isMissing = async (url: string) => (await get(url)).status === 404;

describe("edge-api", () => {
  let url: string;
  beforeAll(async () => {
    await platform.json("projects", "add", "example-edge-api");
    await platform.json("env", "add", "GREETING", "--value", "Good day", "--project", "example-edge-api");
    url = await deploy("edge-api");
  });

  test("Hono answers below /api, with the environment and the place of the request", async () => {
    expect(await (await get(`${url}/api/hello/Ada%20L`)).json()).toEqual({ text: "Good day, Ada L!" });
    expect(await (await get(`${url}/api/where`, { headers: from("NZ") })).json()).toEqual({ country: "NZ" });
    const headers = { "content-type": "application/json" };
    const sum = (body: string) => get(`${url}/api/sum`, { method: "POST", headers, body });
    expect(await (await sum("[1, 2, 3.5]")).json()).toEqual({ sum: 6.5 });
    expect((await sum("{")).status).toBe(400);
    const missing = await get(`${url}/api/no/such`);
    expect([missing.status, await missing.json()]).toEqual([
      404,
      { error: "There is nothing at /api/no/such." },
    ]);
    const asked = { origin: "https://other.test", "access-control-request-method": "POST" };
    const preflight = await get(`${url}/api/sum`, { method: "OPTIONS", headers: asked });
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, "*"]);
  });

  test("its page is served, its sources are not", async () => {
    expect(await title(await get(url))).toBe("An edge API");
    for (const path of ["/package.json", "/README.md", "/cloudify.json", "/public/index.html"])
      expect([path, await isMissing(url + path)]).toEqual([path, true]);
  });
});

describe("middleware", () => {
  let url: string;
  beforeAll(async () => {
    url = await deploy("middleware");
  });

  test("each visitor keeps the page that they were given; both are given", async () => {
    const titles = { a: "The first page", b: "The other page" };
    const seen = new Set<string>();
    for (let i = 0; i < 40; i++) {
      const first = await get(url);
      const page = /^page=([ab]);/.exec(first.headers.get("set-cookie") ?? "")?.[1] as "a" | "b";
      seen.add(page);
      expect([await title(first), first.headers.get("x-page")]).toEqual([titles[page], `/${page}`]);
      const second = await get(url, { headers: { cookie: `other=1; page=${page}` } });
      expect([await title(second), second.headers.get("set-cookie")]).toEqual([titles[page], null]);
    }
    expect(seen).toEqual(new Set(["a", "b"]));
  });

  test("a country has a page of its own, and the middleware's headers go along with the file's", async () => {
    const found = await get(url, { headers: from("FR") });
    expect([found.headers.get("x-page"), found.headers.get("cache-control")]).toEqual(["/fr", "private"]);
    expect(found.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const etag = found.headers.get("etag") ?? "";
    expect(await title(found)).toBe("Bonjour");
    const again = await get(url, { headers: { ...from("FR"), "if-none-match": etag } });
    expect([again.status, again.headers.get("x-page")]).toEqual([304, "/fr"]);
  });

  test("where the matcher does not match, it is not asked; its source is not served", async () => {
    const found = await get(`${url}/b`, { headers: from("FR") });
    expect([await title(found), found.headers.get("x-page")]).toEqual(["The other page", null]);
    expect(await isMissing(`${url}/middleware.ts`)).toBe(true);
  });
});

describe("websocket", () => {
  let url: string;
  beforeAll(async () => {
    url = await deploy("websocket");
  });

  test("texts and bytes come back as they were sent, in order, until the client closes", async () => {
    const socket = await socketTo(`${url}/api/echo`);
    const sent: (string | Buffer)[] = [
      "one",
      "",
      "zwei ü 🙂",
      randomBytes(64),
      Buffer.alloc(0),
      randomBytes(200_000),
    ];
    for (const message of sent) socket.send(message);
    for (const message of sent) expect(await socket.next()).toEqual(message);
    expect(await socket.close(4_001, "enough")).toEqual({ code: 4_001, reason: "enough" });
  });

  test("many at once do not hear each other", async () => {
    const sockets = await Promise.all(Array.from({ length: 20 }, () => socketTo(`${url}/api/echo`)));
    for (const [i, socket] of sockets.entries()) socket.send(`from ${i}`);
    const heard = await Promise.all(sockets.map((socket) => socket.next()));
    expect(heard).toEqual(sockets.map((_, i) => `from ${i}`));
    await Promise.all(sockets.map((socket) => socket.close(1_000, "")));
  });

  test("one stays open while it is quiet, and over a new deployment", async () => {
    const socket = await socketTo(`${url}/api/echo`);
    await deploy("websocket");
    socket.send("still here");
    expect(await socket.next()).toBe("still here");
    await socket.close(1_000, "");
  });

  test("one that is open does not keep the platform from stopping, and its client sees the end", async () => {
    const socket = await socketTo(`${url}/api/echo`);
    const ended = socket.next().catch(String);
    const startedAt = Date.now();
    expect(await platform.stop()).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(15_000);
    expect(await ended).toContain("closed with 1006");
    await platform.start({ CLOUDIFY_TEST_CF: "1" });
    const next = await socketTo(`${url}/api/echo`);
    next.send("again");
    expect(await next.next()).toBe("again");
    await next.close(1_000, "");
  });

  test("a plain request is told what to do", async () => {
    const found = await get(`${url}/api/echo`);
    expect([found.status, await found.text()]).toEqual([426, "Open a WebSocket here.\n"]);
    expect(await title(await get(url))).toBe("Echo");
  });
});

describe("wasm", () => {
  let url: string;
  beforeAll(async () => {
    url = await deploy("wasm");
  });

  test("WebAssembly answers", async () => {
    const at = async (n: string) => (await get(`${url}/api/fibonacci?n=${n}`)).json();
    expect(await at("90")).toEqual({ n: 90, fibonacci: "2880067194370816120" });
    expect(await at("93")).toEqual({ n: 93, fibonacci: "12200160415121876738" });
    for (const n of ["94", "-1", "x", "1.5"])
      expect(await at(n)).toEqual({ error: expect.stringContaining("0 to 93") });
  });

  test("neither its bytes nor its text are files of the site", async () => {
    for (const path of ["/api/fibonacci.wasm", "/fibonacci.wat", "/api/wasm.d.ts"])
      expect([path, await isMissing(url + path)]).toEqual([path, true]);
    const bytes = readFileSync(join(ROOT, "examples/wasm/api/fibonacci.wasm"));
    expect(WebAssembly.validate(bytes)).toBe(true);
  });
});
