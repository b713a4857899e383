import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ensureTool } from "./tools.ts";

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
