/** What `cloudify deploy` sends of a project that has to be built, and what it shows. The platform is played by a server. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { ROOT, run } from "#tests/support/platform.ts";
import { folder, sha256 } from "#tests/support/sites.ts";

interface Created {
  target: string;
  source?: boolean;
  files: { path: string; sha256: string; size: number }[];
}

/** Answers the calls of a deployment; says what it was sent. */
class Platform {
  readonly created: Created[] = [];
  readonly blobs = new Map<string, Buffer>();
  readonly patches: unknown[] = [];
  isCanceled = false;
  rootDirectory: string | null = null;
  /** The log: rows, and whether the build ends behind them. */
  rows: { stream: string; text: string }[] = [];
  ends = true;
  readonly #server = createServer((req, res) => {
    this.#answer(req, res).catch(() => res.destroy());
  });

  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const path = new URL(req.url ?? "", "http://x").pathname;
    const json = (status: number, value: unknown) => {
      const type = status < 400 ? "application/json" : "application/problem+json";
      res.writeHead(status, { "content-type": type }).end(JSON.stringify(value));
    };
    const settings = { rootDirectory: this.rootDirectory };
    const deployment = {
      id: "dpl_1",
      url: "http://x",
      projectId: "prj_1",
      target: "preview",
      aliases: [],
      error: null,
    };
    switch (`${req.method} ${path}`) {
      case "GET /api/projects/app":
        return json(200, { id: "prj_1", name: "app", teamId: "team_1", settings });
      case "PATCH /api/projects/prj_1":
        this.patches.push(JSON.parse(body.toString()));
        return json(200, {});
      case "PUT /api/blobs": {
        const form = await new Response(body, {
          headers: { "content-type": req.headers["content-type"] ?? "" },
        }).formData();
        for (const [digest, file] of form)
          this.blobs.set(digest, Buffer.from(await (file as File).arrayBuffer()));
        return json(200, {});
      }
      case "POST /api/projects/prj_1/deployments": {
        const wanted = JSON.parse(body.toString()) as Created;
        const missing = wanted.files.map((file) => file.sha256).filter((digest) => !this.blobs.has(digest));
        if (missing.length > 0)
          return json(409, { code: "missing_blobs", status: 409, title: "", detail: "", missing });
        this.created.push(wanted);
        return json(201, { ...deployment, state: "queued" });
      }
      case "GET /api/deployments/dpl_1/events":
        res.writeHead(200, { "content-type": "application/x-ndjson" });
        for (const [i, row] of this.rows.entries())
          res.write(`${JSON.stringify({ seq: i + 1, at: 0, level: "info", ...row })}\n`);
        if (this.ends) res.end();
        return;
      case "POST /api/deployments/dpl_1/cancel":
        this.isCanceled = true;
        return json(200, { ...deployment, state: "canceled" });
      case "GET /api/deployments/dpl_1":
        return json(200, { ...deployment, state: "ready" });
      default:
        if (req.method !== "PUT" || !path.startsWith("/api/blobs/"))
          return json(404, { code: "not_found", status: 404, title: "", detail: path });
        this.blobs.set(path.slice("/api/blobs/".length), body);
        return json(200, {});
    }
  }
}

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function begin(): Promise<{ platform: Platform; env: Record<string, string> }> {
  const platform = new Platform();
  const api = await platform.start();
  stops.push(() => platform.stop());
  const env = {
    CLOUDIFY_API: api,
    CLOUDIFY_TOKEN: "t",
    CLOUDIFY_PROJECT: "app",
    CLOUDIFY_CONFIG_DIR: join(folder({}), "cli"),
  };
  return { platform, env };
}

const SERVER = JSON.stringify({ name: "app", scripts: { start: "node server.js" } });

test("the source is sent, without what git and the project leave out, and built elsewhere", async () => {
  const { platform, env } = await begin();
  platform.rows = [
    { stream: "state", text: "building" },
    { stream: "build", text: "added 68 packages" },
  ];
  const files = {
    "package.json": SERVER,
    "server.js": "serve()",
    ".gitignore": "local\n",
    "local/a": "a",
    "node_modules/x/i.js": "x",
    ".env.local": "S=1",
  };
  const { code, stdout, stderr } = await run(["deploy", folder(files), "--json"], env);
  expect(stderr).toContain("added 68 packages");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    id: "dpl_1",
    url: "http://x",
    state: "ready",
    target: "preview",
    projectId: "prj_1",
    aliases: [],
    uploaded: { blobs: 3, bytes: SERVER.length + "serve()".length + "local\n".length },
    reused: { blobs: 0, bytes: 0 },
  });
  const [created] = platform.created;
  expect(created?.source).toBe(true);
  expect(created?.files.map((file) => file.path).sort()).toEqual([".gitignore", "package.json", "server.js"]);
  for (const { path, sha256: digest } of created?.files ?? [])
    expect(platform.blobs.get(digest)?.toString()).toBe(files[path as keyof typeof files]);
});

test("what is executable is told of a file, not of its bytes, which go once", async () => {
  const { platform, env } = await begin();
  const root = folder({ "package.json": SERVER, "bin/tool": "same", "copy.txt": "same" });
  chmodSync(join(root, "bin/tool"), 0o755);
  const { code, stdout } = await run(["deploy", root, "--json"], env);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).uploaded.blobs).toBe(2);
  const same = { sha256: sha256("same"), size: 4 };
  expect(platform.created[0]?.files.filter((file) => file.path !== "package.json")).toEqual([
    { path: "bin/tool", ...same, isExecutable: true },
    { path: "copy.txt", ...same },
  ]);
});

test("a plain folder goes the direct way, as an output", async () => {
  const { platform, env } = await begin();
  const { code } = await run(["deploy", folder({ "index.html": "x" }), "--json"], env);
  expect(code).toBe(0);
  expect(platform.created[0]).not.toHaveProperty("source");
  expect(platform.created[0]?.files.map((file) => file.path).sort()).toEqual([
    "config.json",
    "static/index.html",
  ]);
});

test("from a package of a monorepo all of the repository is sent, and the project told where in it it lies", async () => {
  const { platform, env } = await begin();
  const root = folder({
    "package.json": JSON.stringify({ workspaces: ["apps/*", "packages/*"] }),
    "apps/web/package.json": SERVER,
    "packages/ui/index.js": "ui",
  });
  const { code, stderr } = await run(["deploy", join(root, "apps/web"), "--json"], env);
  expect(stderr).toContain("apps/web");
  expect(code).toBe(0);
  expect(platform.patches).toEqual([{ settings: { rootDirectory: "apps/web" } }]);
  expect(platform.created[0]?.files.map((file) => file.path).sort()).toEqual([
    "apps/web/package.json",
    "package.json",
    "packages/ui/index.js",
  ]);
});

test("with --static, --prebuilt and --local-build nothing is built elsewhere, and one of them is enough", async () => {
  const { platform, env } = await begin();
  const output = { ".vercel/output/config.json": '{"version":3}', ".vercel/output/static/a.txt": "a" };
  const root = folder({ "package.json": SERVER, "server.js": "serve()", ...output });
  expect((await run(["deploy", root, "--static", "--json"], env)).code).toBe(0);
  expect((await run(["deploy", root, "--prebuilt", "--json"], env)).code).toBe(0);
  expect(platform.created.map((one) => one.source)).toEqual([undefined, undefined]);
  const both = await run(["deploy", root, "--static", "--local-build", "--json"], env);
  expect([both.code, JSON.parse(both.stdout).error.code]).toEqual([2, "two_ways"]);
});

test("a function for Node.js that was built here keeps its links, and what they lead to is sent once", async () => {
  const { platform, env } = await begin();
  const at = ".vercel/output/functions/api.func";
  const map = {
    "node_modules/dep": "node_modules/dep",
    "node_modules/.store/dep/index.js": "node_modules/.store/dep/index.js",
  };
  const root = folder({
    ".vercel/output/config.json": '{"version":3}',
    [`${at}/.vc-config.json`]: JSON.stringify({
      runtime: "nodejs24.x",
      handler: "index.js",
      filePathMap: map,
    }),
    [`${at}/index.js`]: "code",
    "node_modules/.store/dep/index.js": "dep",
  });
  const { symlinkSync } = await import("node:fs");
  symlinkSync(".store/dep", join(root, "node_modules/dep"));
  expect((await run(["deploy", root, "--prebuilt", "--json"], env)).code).toBe(0);
  const of = (path: string) =>
    platform.created[0]?.files.find((file) => file.path === `functions/api.func/${path}`);
  expect(of("node_modules/dep")).toMatchObject({ link: ".store/dep", sha256: sha256(".store/dep") });
  expect(of("node_modules/.store/dep/index.js")).toMatchObject({ sha256: sha256("dep") });
});

test("Ctrl-C cancels the deployment that is being built", async () => {
  const { platform, env } = await begin();
  platform.rows = [{ stream: "build", text: "it has begun" }];
  platform.ends = false;
  const cli = join(ROOT, "packages/cli/bin/cloudify.js");
  const root = folder({ "package.json": SERVER });
  const child = spawn(process.execPath, [cli, "deploy", root], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  await expect.poll(() => said).toContain("it has begun");
  child.kill("SIGINT");
  const [code] = (await once(child, "exit")) as [number];
  expect(code).toBe(1);
  expect(platform.isCanceled).toBe(true);
  expect(said).toContain("Canceled");
});
