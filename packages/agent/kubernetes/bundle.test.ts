import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkloadMaterial } from "@cloudify/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Bundles, bundleOf } from "./bundle.ts";
import { material } from "./material.fixture.ts";
import { Exchange } from "./pod/exchange.ts";
import { packFolder } from "./tar.ts";

let home: string;
let bundles: Bundles;
let origin: string;
let faults: string[];
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "bundle-"));
  faults = [];
  bundles = new Bundles((_id, detail) => faults.push(detail));
  origin = `http://127.0.0.1:${await bundles.listen(0)}`;
});
afterEach(async () => {
  await bundles.close();
  rmSync(home, { recursive: true, force: true });
});

const blob = (text: string): { sha256: string; size: number } => {
  const sha256 = createHash("sha256").update(text).digest("hex");
  writeFileSync(join(home, sha256), text);
  return { sha256, size: Buffer.byteLength(text) };
};

const materialOf = (files: WorkloadMaterial["spec"]["files"]): WorkloadMaterial =>
  material({ env: { SECRET: "canary" }, secrets: ["SECRET"] }, files);

const exchange = (path: string, token: string): Exchange => {
  const secret = join(home, "secret");
  mkdirSync(secret, { recursive: true });
  writeFileSync(join(secret, "token"), token);
  return new Exchange(origin + path, secret);
};

test("a pod gets each blob once and the spec, and no variable", async () => {
  const one = blob("one");
  const material = materialOf({ "a.js": one, "b/a.js": one, "c.js": blob("three"), d: { link: "a.js" } });
  const blobs = { fileOf: async (_team: string, sha256: string) => join(home, sha256) };
  bundles.offer("bundle", material.id, "token", { "GET ": bundleOf(material, blobs) });
  const into = join(home, "into");
  await exchange("/bundle/dpl_1.node", "token").fetch("", into);
  expect(readdirSync(into).toSorted()).toEqual([one.sha256, blob("three").sha256, "spec.json"].toSorted());
  expect(JSON.parse(readFileSync(join(into, "spec.json"), "utf8"))).toEqual(material.spec);
  expect(readFileSync(join(into, "spec.json"), "utf8")).not.toContain("canary");
});

test("a wrong token, another's token and an unknown workload are answered alike", async () => {
  bundles.offer("bundle", "dpl_1.node", "token", { "GET ": async (_req, res) => void res.end("x") });
  bundles.offer("bundle", "dpl_2.node", "other", { "GET ": async (_req, res) => void res.end("x") });
  const ask = (path: string, token: string) =>
    fetch(origin + path, { headers: { authorization: `Bearer ${token}` } });
  expect((await ask("/bundle/dpl_1.node", "token")).status).toBe(200);
  for (const [path, token] of [
    ["/bundle/dpl_1.node", "other"],
    ["/bundle/dpl_1.node", ""],
    ["/bundle/dpl_3.node", "token"],
    ["/bundle/dpl_1.node/more", "token"],
    ["/bundle/", "token"],
    ["/", "token"],
  ] as const) {
    const answer = await ask(path, token);
    expect([answer.status, await answer.text()]).toEqual([404, ""]);
  }
  bundles.withdraw("bundle", "dpl_1.node");
  expect((await ask("/bundle/dpl_1.node", "token")).status).toBe(404);
});

test("a blob that can't be had breaks the bundle off, which no pod takes for a whole one", async () => {
  const blobs = { fileOf: async () => Promise.reject(new Error("the control plane is away")) };
  const material = materialOf({ "a.js": blob("one") });
  bundles.offer("bundle", material.id, "token", { "GET ": bundleOf(material, blobs) });
  const headers = { authorization: "Bearer token" };
  const asked = fetch(`${origin}/bundle/dpl_1.node`, { headers });
  await expect(asked.then((answer) => answer.arrayBuffer())).rejects.toThrow();
  expect(faults).toEqual(["GET /bundle/dpl_1.node: the control plane is away"]);
});

test("what a build leaves comes as it was", async () => {
  const from = join(home, "from");
  mkdirSync(from);
  writeFileSync(join(from, "index.html"), "<h1>");
  const taken: Buffer[] = [];
  bundles.offer("build", "b", "token", {
    "PUT /output": async (req, res) => {
      for await (const chunk of req) taken.push(chunk as Buffer);
      res.writeHead(204).end();
    },
    "POST /end": async (req, res) => {
      for await (const chunk of req) taken.push(chunk as Buffer);
      res.writeHead(204).end();
    },
  });
  const pod = exchange("/build/b", "token");
  await pod.leave("PUT", "/output", () => packFolder(from));
  expect(Buffer.concat(taken).toString()).toContain("index.html");
  taken.length = 0;
  await pod.leave("POST", "/end", () => "the end");
  expect(Buffer.concat(taken).toString()).toBe("the end");
});
