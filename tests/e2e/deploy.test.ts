import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { contentTypeOf } from "#features/assets/content-type.ts";
import { get } from "#tests/support/http.ts";
import { ROOT, TestPlatform, until } from "#tests/support/platform.ts";
import { finished, folder } from "#tests/support/sites.ts";

interface Deployed {
  id: string;
  url: string;
  state: string;
  target: string;
  projectId: string;
  aliases: string[];
  uploaded: { blobs: number; bytes: number };
  reused: { blobs: number; bytes: number };
}

const platform = new TestPlatform();
beforeAll(() => platform.start());
afterAll(() => platform.remove());

const packageFolder = (name: string): string =>
  dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));

/** Every file at its own address: its bytes, its type, its validator, a part of it, and compressed as it was stored. */
async function checkEveryFile(root: string, origin: string): Promise<number> {
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) =>
    statSync(join(root, path)).isFile(),
  );
  for (const path of files) {
    const bytes = readFileSync(join(root, path));
    const address = `${origin}/${path.split("/").map(encodeURIComponent).join("/")}`;
    const found = await get(address);
    expect([path, found.status]).toEqual([path, 200]);
    expect(found.headers.get("content-type")).toBe(contentTypeOf(path));
    expect(Buffer.from(await found.arrayBuffer()).equals(bytes), path).toBe(true);
    const etag = found.headers.get("etag") ?? "";
    expect((await get(address, { headers: { "if-none-match": etag } })).status).toBe(304);
    if (bytes.length < 2) continue;
    const part = await get(address, { headers: { range: "bytes=1-99" } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(1, 100)), path).toBe(true);
  }
  return files.length;
}

test("the first start has deployed the example", async () => {
  const found = await get(`http://hello.localhost:${platform.port}/`);
  expect(found.status).toBe(200);
  expect(await found.text()).toContain("It is deployed");
});

test("a site that others made is served byte for byte, and only what changed is uploaded again", async () => {
  const root = packageFolder("swagger-ui-dist");
  const first = await platform.json<Deployed>("deploy", root, "--prod", "--project", "swagger");
  expect(first).toMatchObject({ state: "ready", target: "production", reused: { blobs: 0 } });
  expect(first.aliases[0]).toBe(`http://swagger.localhost:${platform.port}`);
  expect(await checkEveryFile(root, first.aliases[0] ?? "")).toBeGreaterThan(10);
  expect(await checkEveryFile(root, first.url)).toBeGreaterThan(10);

  const copy = folder(
    Object.fromEntries(
      readdirSync(root)
        .filter((name) => name !== ".cloudify")
        .map((name) => [name, readFileSync(join(root, name))]),
    ),
  );
  writeFileSync(join(copy, "index.css"), "body { color: red }");
  const second = await platform.json<Deployed>("deploy", copy, "--prod", "--project", "swagger");
  expect(second.uploaded.blobs).toBe(1);
  expect(await (await get(`${second.aliases[0]}/index.css`)).text()).toBe("body { color: red }");
  expect(await (await get(`${first.url}/index.css`)).text()).not.toBe("body { color: red }");
});

test("a folder is a site: clean addresses, directories, its own error page", async () => {
  const root = folder({
    "index.html": "home",
    "about.html": "about",
    "docs/index.html": "docs",
    "docs/a b.txt": "spaces",
    "404.html": "own 404",
    ".env": "SECRET=1",
  });
  const { url } = await platform.json<Deployed>("deploy", root, "--project", "plain");
  const at = async (path: string) => {
    const found = await get(url + path);
    return `${found.status} ${found.headers.get("location") ?? (await found.text())}`;
  };
  expect(await at("/")).toBe("200 home");
  expect(await at("/about")).toBe("200 about");
  expect(await at("/about.html")).toBe("200 about");
  expect(await at("/docs?x=1")).toBe("308 /docs/?x=1");
  expect(await at("/docs/")).toBe("200 docs");
  expect(await at("/docs/a%20b.txt")).toBe("200 spaces");
  expect(await at("/nothing")).toBe("404 own 404");
  expect(await at("/.env")).toBe("404 own 404");
  expect((await get(url, { method: "POST" })).status).toBe(405);
  expect((await get(url)).headers.get("x-robots-tag")).toBe("noindex");
});

test("vercel.json's routes work as they do at Vercel", async () => {
  const config = {
    cleanUrls: true,
    trailingSlash: false,
    redirects: [{ source: "/old/:slug", destination: "/new/:slug", permanent: true }],
    rewrites: [{ source: "/r/:path*", destination: "/:path*" }],
    headers: [{ source: "/(.*)\\.txt", headers: [{ key: "x-text", value: "yes" }] }],
  };
  const root = folder({
    "vercel.json": JSON.stringify(config),
    "about.html": "about",
    "a.txt": "a",
    "index.html": "home",
  });
  const { url } = await platform.json<Deployed>("deploy", root, "--project", "routes");
  const at = async (path: string) => {
    const found = await get(url + path);
    return [found.status, found.headers.get("location") ?? (await found.text())];
  };
  expect(await at("/about")).toEqual([200, "about"]);
  expect(await at("/about.html?q=1")).toEqual([308, "/about?q=1"]);
  expect(await at("/old/x?q=1")).toEqual([308, "/new/x?q=1"]);
  expect(await at("/r/a.txt")).toEqual([200, "a"]);
  expect((await get(`${url}/a.txt`)).headers.get("x-text")).toBe("yes");
  expect(await at("/vercel.json")).toEqual([404, expect.stringContaining("not_found")]);
});

test("with --local-build a project is built here, with its variables, and its log is kept", async () => {
  const build = `require("fs").mkdirSync("dist",{recursive:true});require("fs").writeFileSync("dist/index.html",process.env.GREETING);console.log("built with "+process.env.GREETING+" and "+process.env.API_KEY)`;
  const root = folder({
    "package.json": JSON.stringify({ name: "built", private: true, scripts: { build: "node build.cjs" } }),
    "package-lock.json": JSON.stringify({
      name: "built",
      lockfileVersion: 3,
      packages: { "": { name: "built" } },
    }),
    "build.cjs": build,
  });
  await platform.json("link", root, "--project", "built");
  await platform.json("env", "add", "GREETING", "--value", "hello from the build", "--project", "built");
  await platform.json("env", "add", "API_KEY", "--value", "k3y-of-somebody", "--project", "built");
  const done = await platform.json<Deployed>("deploy", root, "--prod", "--local-build");
  expect(await (await get(done.url)).text()).toBe("hello from the build");
  const { stdout } = await platform.cli("logs", done.id, "--json");
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { seq: number; stream: string; text: string });
  expect(rows.map((row) => row.seq)).toEqual(rows.map((_, i) => i + 1));
  expect(rows.filter((row) => row.stream === "build").map((row) => row.text)).toContain(
    "built with hello from the build and [redacted]",
  );
  const later = await platform.cli("logs", done.id, "--after", "3", "--json");
  expect(later.stdout.trim().split("\n")).toHaveLength(rows.length - 3);
});

test("an output that needs functions ends in an error that names them", async () => {
  const root = folder({
    ".vercel/output/config.json": '{"version":3}',
    ".vercel/output/static/index.html": "x",
    ".vercel/output/functions/api/hello.func/.vc-config.json": "{}",
  });
  const { code, stdout } = await platform.cli(
    "deploy",
    root,
    "--prebuilt",
    "--project",
    "functions",
    "--yes",
    "--json",
  );
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    error: { code: "functions_not_yet", detail: expect.stringContaining("api/hello") },
  });
});

test("promote and a rollback that sticks are seen at once, by the host and in the answers", async () => {
  const host = `http://moves.localhost:${platform.port}`;
  const deploy = (text: string) =>
    platform.json<Deployed>("deploy", folder({ "index.html": text }), "--prod", "--project", "moves");
  const serves = (text: string) => until(async () => (await (await get(host)).text()) === text, 500);
  const [one, two] = [await deploy("one"), await deploy("two")];
  await serves("two");
  const back = await platform.json<{ live: string; held: boolean; epoch: number }>(
    "rollback",
    "--project",
    "moves",
  );
  expect(back).toMatchObject({ live: one.id, held: true });
  await serves("one");
  const three = await deploy("three");
  expect(await (await get(host)).text()).toBe("one");
  expect(await (await get(three.url)).text()).toBe("three");
  expect(await platform.json("promote", three.id)).toMatchObject({ live: three.id, held: false });
  await serves("three");
  const refused = await platform.cli("rm", three.id, "--yes", "--json");
  expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: "in_use" } });
  await platform.json("rm", three.id, "--replacement", two.id);
  await serves("two");
  await until(async () => (await get(three.url)).status === 404, 5_000);
});

test("a client that carries a deployment's id stays with it", async () => {
  const host = `http://skew.localhost:${platform.port}`;
  const deploy = (text: string) =>
    platform.json<Deployed>("deploy", folder({ "index.html": text }), "--prod", "--project", "skew");
  const one = await deploy("one");
  await deploy("two");
  await until(async () => (await (await get(host)).text()) === "two", 500);
  expect(await (await get(host, { headers: { "x-deployment-id": one.id } })).text()).toBe("one");
  expect(await (await get(`${host}/?dpl=${one.id}`)).text()).toBe("one");
  expect(await (await get(host, { headers: { cookie: `__vdpl=${one.id}` } })).text()).toBe("one");
  expect(await (await get(`${host}/?dpl=dpl_unknown`)).text()).toBe("two");
});

test("a branch has an address that moves with it, an environment of one's own too", async () => {
  const git = await platform.json<Deployed>(
    "deploy",
    folder({ "index.html": "branch 1" }),
    "--branch",
    "feat/x",
    "--project",
    "named",
  );
  expect(git.aliases[0]).toMatch(/^http:\/\/named-git-feat-x-[0-9a-f]{4}\.localhost:/);
  await platform.json(
    "deploy",
    folder({ "index.html": "branch 2" }),
    "--branch",
    "feat/x",
    "--project",
    "named",
  );
  await until(async () => (await (await get(git.aliases[0] ?? "")).text()) === "branch 2", 500);
  expect(await (await get(git.url)).text()).toBe("branch 1");
  const staging = await platform.json<Deployed>(
    "deploy",
    folder({ "index.html": "staging" }),
    "--target",
    "staging",
    "--project",
    "named",
  );
  expect(await (await get(staging.aliases[0] ?? "")).text()).toBe("staging");
});

test("redeploy is the same output; inspect and ls tell of both", async () => {
  const one = await platform.json<Deployed>("deploy", folder({ "index.html": "same" }), "--project", "again");
  const two = await platform.json<{ id: string; url: string; state: string; redeployOf: string }>(
    "redeploy",
    one.id,
  );
  expect(two).toMatchObject({ state: "ready", redeployOf: one.id });
  expect(await (await get(two.url)).text()).toBe("same");
  const listed = await platform.json<{ id: string }[]>("ls", "--project", "again");
  expect(listed.map((row) => row.id)).toEqual([two.id, one.id]);
  expect(await platform.json("inspect", one.url)).toMatchObject({ id: one.id, state: "ready" });
});

test("followers of a log resume over cuts, and lose and repeat nothing", async () => {
  const { id } = await platform.json<Deployed>(
    "deploy",
    folder({ "index.html": "log" }),
    "--project",
    "logs",
  );
  const done = await finished(platform.client, id);
  expect(done.state).toBe("ready");
  const events = await fetch(`${platform.api}/api/deployments/${id}/events?follow=1`, {
    headers: { authorization: `Bearer ${platform.token}`, accept: "text/event-stream" },
  });
  expect(events.headers.get("content-type")).toContain("text/event-stream");
  const text = await events.text();
  const ids = [...text.matchAll(/^id: (\d+)$/gm)].map((found) => Number(found[1]));
  expect(ids).toEqual(ids.map((_, i) => i + 1));
  const resumed = await fetch(`${platform.api}/api/deployments/${id}/events`, {
    headers: { authorization: `Bearer ${platform.token}`, accept: "text/event-stream", "last-event-id": "2" },
  });
  expect(await resumed.text()).toContain("id: 3");
});

test("a file of more than one request's size goes in parts", async () => {
  const big = Buffer.alloc(100 * 1024 * 1024, "cloudify ");
  const { url, uploaded } = await platform.json<Deployed>(
    "deploy",
    folder({ "big.bin": big }),
    "--project",
    "big",
  );
  expect(uploaded.bytes).toBeGreaterThanOrEqual(big.length);
  const found = await get(`${url}/big.bin`, { headers: { range: `bytes=${big.length - 10}-` } });
  expect(found.headers.get("content-range")).toBe(`bytes ${big.length - 10}-${big.length - 1}/${big.length}`);
  expect(Buffer.from(await found.arrayBuffer()).equals(big.subarray(-10))).toBe(true);
  const whole = await get(`${url}/big.bin`);
  expect(Buffer.from(await whole.arrayBuffer()).equals(big)).toBe(true);
});

test("a site of more files than an index holds is sharded, and serves each", async () => {
  const files = Object.fromEntries(Array.from({ length: 1_200 }, (_, i) => [`p/${i}.txt`, `page ${i % 7}`]));
  const { url } = await platform.json<Deployed>("deploy", folder(files), "--project", "many");
  for (const i of [0, 1, 599, 1_199])
    expect(await (await get(`${url}/p/${i}.txt`)).text()).toBe(`page ${i % 7}`);
  expect((await get(`${url}/p/1200.txt`)).status).toBe(404);
});

test("the examples deploy: a static site with its routes, and a Vite app with a variable in its build", async () => {
  const site = await platform.json<Deployed>(
    "deploy",
    join(ROOT, "examples/static"),
    "--project",
    "static-example",
  );
  const at = async (path: string) => {
    const found = await get(site.url + path);
    return [found.status, found.headers.get("location") ?? found.headers.get("x-section")];
  };
  expect(await at("/about")).toEqual([200, null]);
  expect(await at("/about.html")).toEqual([308, "/about"]);
  expect(await at("/docs/first")).toEqual([200, "docs"]);
  // A header belongs to the address that was asked for, not to where a rewrite leads.
  expect(await at("/latest")).toEqual([200, null]);
  expect(await at("/old/first?a=1")).toEqual([308, "/docs/first?a=1"]);
  expect(await at("/nothing")).toEqual([404, null]);

  // A copy: what a build leaves behind does not belong in the repository.
  const copy = folder({});
  cpSync(join(ROOT, "examples/vite"), copy, { recursive: true });
  await platform.json("link", copy, "--project", "vite-example");
  await platform.json("env", "add", "VITE_NAME", "--value", "a variable", "--project", "vite-example");
  const app = await platform.json<Deployed>("deploy", copy, "--prod", "--local-build");
  const page = await (await get(app.url)).text();
  const script = /src="(\/assets\/[^"]+\.js)"/.exec(page)?.[1] ?? "";
  const found = await get(app.url + script);
  expect(found.headers.get("content-type")).toContain("javascript");
  expect(await found.text()).toContain("a variable");
}, 120_000);
