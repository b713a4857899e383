import { cpSync, existsSync, mkdtempSync, readdirSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LiveBuilder, planLive } from "@cloudify/builder";
import type { Deployment } from "@cloudify/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { get } from "#tests/support/http.ts";
import { ROOT, TestPlatform } from "#tests/support/platform.ts";
import { folder as folderOf } from "#tests/support/sites.ts";
import { type Question, questionsFor } from "./requests.ts";
import { DevSession } from "./session.ts";

const platform = new TestPlatform();
beforeAll(() => platform.start());
afterAll(() => platform.remove());

/** They differ from one request, deployment or connection to the next, on one server too. */
const OWN = new Set(
  (
    "date age cache-status last-modified x-cloudify-id x-cloudify-deployment " +
    "connection keep-alive transfer-encoding"
  ).split(" "),
);

/** What the examples may not have: every way to write a function, a middleware, routes of each kind. */
const project = {
  "public/index.html": "<h1>home</h1>",
  "public/docs/index.html": "<h1>docs</h1>",
  "public/404.html": "<h1>not here</h1>",
  "cloudify.json": JSON.stringify({
    outputDirectory: "public",
    redirects: [{ source: "/old/:path*", destination: "/docs/:path*" }],
    rewrites: [{ source: "/as/:name", destination: "/api/echo?name=:name" }],
    headers: [{ source: "/(.*)", headers: [{ key: "x-from-config", value: "1" }] }],
  }),
  "api/echo.ts": `export const config = { runtime: "edge" };
    export default async (request: Request) => Response.json({ url: request.url, method: request.method,
      headers: [...request.headers], body: await request.text(), greeting: process.env.GREETING ?? null });`,
  "api/users/[id].ts": `export const runtime = "edge";
    export const GET = (request: Request) => new Response(new URL(request.url).searchParams.get("id"));
    export const POST = () => new Response(null, { status: 201, headers: { "set-cookie": "a=1" } });`,
  "api/rest/[...path].js": `export const config = { runtime: "edge" };
    export default { fetch: (request) => new Response(new URL(request.url).search, { status: 203 }) };`,
  "middleware.ts": `export const config = { matcher: ["/docs/:path*", "/api/echo"] };
    export default (request: Request) => {
      const headers = new Headers({ "x-middleware-next": "1", "x-seen": new URL(request.url).pathname });
      headers.append("set-cookie", "seen=1"); headers.append("set-cookie", "again=2");
      return new Response(null, { headers });
    };`,
};

/** Its functions run in a region, and `cloudify dev` has none. */
const REGIONAL = "node-api";
const examples = readdirSync(join(ROOT, "examples"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== REGIONAL)
  .map((entry) => entry.name);

/** What a build makes is made again: nothing is written into the repository. It finds the packages that it does there. */
function copyOf(name: string): string {
  const above = mkdtempSync(join(tmpdir(), "cloudify-same-"));
  symlinkSync(join(ROOT, "node_modules"), join(above, "node_modules"));
  const copy = join(above, name);
  const filter = (path: string) => !/\/(?:node_modules|dist)$/.test(path);
  cpSync(join(ROOT, "examples", name), copy, { recursive: true, filter });
  return copy;
}

describe.each([
  ...examples.map((name) => ({ name, make: () => copyOf(name) })),
  { name: "a-project-with-functions", make: () => folderOf(project) },
])("$name", ({ name, make }) => {
  test("cloudify dev answers as the deployed site does", { timeout: 300_000 }, async () => {
    const folder = make();
    const plan = await planLive(folder, null, true);
    const how = plan.kind === "prebuilt" ? ["--prebuilt"] : ["--local-build"];
    const { aliases } = await platform.json<Deployment>(
      "deploy",
      folder,
      "--project",
      `same-${name}`,
      "--prod",
      ...how,
    );
    const session = new DevSession(folder);
    await session.start("--build");
    try {
      const options = { env: {}, onLog: () => undefined, signal: new AbortController().signal };
      const { files } = await new LiveBuilder(folder).build(plan, {
        ...options,
        changed: null,
        server: null,
      });
      const questions = questionsFor(files);
      console.log(`${name}: ${questions.length} requests`);
      for (const question of questions) {
        const deployed = await answerOf(aliases[0] ?? "", question);
        const developed = await answerOf(`http://localhost:${session.port}`, question);
        expect({ question, ...developed }).toEqual({ question, ...deployed });
      }
      expect(existsSync(join(folder, ".cloudify/dev"))).toBe(true);
    } finally {
      expect(await session.stop()).toBe(0);
    }
    expect(existsSync(join(folder, ".cloudify/dev"))).toBe(false);
  });
});

async function answerOf(origin: string, { path, conditional, headers = {}, ...ask }: Question) {
  const before = conditional && (await get(origin + path));
  await before?.body?.cancel();
  const value = before?.headers.get(conditional === "if-modified-since" ? "last-modified" : "etag");
  const sent = conditional && value ? { ...headers, [conditional]: value } : headers;
  const found = await get(origin + path, { ...ask, headers: sent });
  const bytes = Buffer.from(await found.arrayBuffer());
  const isText = !found.headers.has("content-encoding") && bytes.equals(Buffer.from(bytes.toString("utf8")));
  const text = bytes.toString("utf8");
  // An answer that tells its own address has a length of its own; of a function's HEAD it can't be seen.
  const isOwnLength = neutral(text) !== text || (ask.method === "HEAD" && /^\/(?:api|as)\//.test(path));
  const given = [...found.headers].filter(
    ([key]) => !OWN.has(key) && !(isOwnLength && key === "content-length"),
  );
  const shown = given.map(([key, value]) => `${key}: ${neutral(value)}`).sort();
  return { status: found.status, headers: shown, body: isText ? neutral(text) : bytes.toString("hex") };
}

/** Hosts, ids and times are each server's own. */
const neutral = (text: string): string =>
  text
    .replace(/(?:[a-z0-9-]+\.)?localhost(?::\d+)?/g, "HOST")
    .replace(/\b(?:req|dpl|prj)_[0-9a-z]+/g, "ID")
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "UUID")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME");
