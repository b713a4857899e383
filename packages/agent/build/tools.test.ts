import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ensureTool, sweepDrafts } from "./tools.ts";

const folder = (): string => mkdtempSync(join(tmpdir(), "cloudify-tools-"));
const TOOL = { package: "@scope/tool", version: "1.2.3", overrides: { other: "2.0.0" } };

async function install(draft: string): Promise<void> {
  mkdirSync(join(draft, "node_modules"));
  writeFileSync(join(draft, "node_modules/made"), "");
}

test("a tool is installed once, by its exact version, however many builds need it at once", async () => {
  const tools = folder();
  let installs = 0;
  const counted = async (draft: string) => {
    installs++;
    await install(draft);
  };
  const all = await Promise.all([1, 2, 3].map(() => ensureTool(tools, TOOL, counted)));
  expect(new Set(all).size).toBe(1);
  const [at = ""] = all;
  expect(existsSync(join(at, "node_modules/made"))).toBe(true);
  expect(JSON.parse(readFileSync(join(at, "package.json"), "utf8"))).toEqual({
    private: true,
    dependencies: { "@scope/tool": "1.2.3" },
    overrides: { other: "2.0.0" },
  });
  const before = installs;
  await ensureTool(tools, TOOL, counted);
  expect(installs).toBe(before);
  expect(readdirSync(tools)).toHaveLength(1);
});

test("an installation that fails leaves nothing behind, and is tried again by the next", async () => {
  const tools = folder();
  const failing = () => Promise.reject(new Error("no registry"));
  await expect(ensureTool(tools, TOOL, failing)).rejects.toThrow("no registry");
  expect(readdirSync(tools)).toEqual([]);
  expect(existsSync(await ensureTool(tools, TOOL, install))).toBe(true);
});

test("of several processes one installs, and a lock whose holder has ended holds nobody up", async () => {
  const tools = folder();
  mkdirSync(tools, { recursive: true });
  const name = "@scope+tool@1.2.3";
  // The number of no process: Linux gives none above 4,194,304.
  writeFileSync(join(tools, `.lock-${name}`), "4194305");
  const at = await ensureTool(tools, TOOL, install);
  expect(readdirSync(tools)).toEqual([name]);
  expect(existsSync(join(at, "node_modules/made"))).toBe(true);
});

test("who waits for another's installation can be called off", async () => {
  const tools = folder();
  mkdirSync(tools, { recursive: true });
  writeFileSync(join(tools, ".lock-@scope+tool@1.2.3"), String(process.pid));
  const calling = new AbortController();
  const waiting = ensureTool(tools, TOOL, install, calling.signal);
  calling.abort(new Error("canceled"));
  await expect(waiting).rejects.toThrow();
});

test("a draft goes when nobody is at it any more, and stays while somebody is, whoever that is", async () => {
  const tools = folder();
  for (const draft of [".draft-@scope+tool@1.2.3-aB3dE6", ".draft-other-tool@2-zZ9yX8"])
    mkdirSync(join(tools, draft));
  writeFileSync(join(tools, ".lock-other-tool@2"), String(process.pid));
  await sweepDrafts(tools);
  expect(readdirSync(tools).sort()).toEqual([".draft-other-tool@2-zZ9yX8", ".lock-other-tool@2"]);
  await sweepDrafts(join(tools, "never"));
});

test("where no lock can be written, that is the failure, and nobody waits for it", async () => {
  const tools = folder();
  const name = "x".repeat(300);
  await expect(ensureTool(tools, { package: name, version: "1" }, install)).rejects.toThrow("ENAMETOOLONG");
});
