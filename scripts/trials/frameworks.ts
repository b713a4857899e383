/**
 * `npm run trial:frameworks [APP…]`: fresh apps of the frameworks, deployed from source as a person would, on a platform
 * of its own; then pages, files and endpoints are asked for. A line of JSON for each app; ends with 1 when one is not as
 * it should be.
 */
import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TestPlatform } from "#tests/support/platform.ts";
import type { App } from "./frameworks/app.ts";
import { APPS } from "./frameworks/apps.ts";
import { failuresOf } from "./frameworks/check.ts";
import { make } from "./frameworks/make.ts";

/** What builds need is installed by then, from a cache of npm that knows nothing, too. */
const TOOLS_MS = 300_000;

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !APPS.some((app) => app.name === name));
if (unknown.length > 0) {
  throw new Error(`There is no ${unknown.join(", ")}: choose of ${APPS.map(({ name }) => name).join(", ")}.`);
}

const platform = new TestPlatform();
try {
  const tools = join(platform.home, "tools");
  await platform.start({ CLOUDIFY_REGIONS: "local", CLOUDIFY_AGENT_TOOLS: tools });
  console.log(JSON.stringify({ toolsMs: await filled(tools) }));
  for (const app of APPS) {
    if (asked.length > 0 && !asked.includes(app.name)) continue;
    const result = await tryOut(app).catch((error: unknown) => ({ failures: [String(error)] }));
    if (result.failures.length > 0) process.exitCode = 1;
    console.log(JSON.stringify({ app: app.name, checks: app.checks.length, ...result }));
  }
} finally {
  await platform.remove();
}

/** As `npm start` does, the region installs ahead what builds need. @returns Milliseconds until it had. */
async function filled(tools: string): Promise<number> {
  const from = Date.now();
  const isThere = async () => (await readdir(tools).catch(() => [])).some((name) => !name.startsWith("."));
  while (!(await isThere())) {
    if (Date.now() - from > TOOLS_MS) throw new Error(`No tools are there after ${TOOLS_MS} ms.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return Date.now() - from;
}

interface Result {
  /** Of the deploy alone: from source to ready. */
  deployMs: number;
  failures: string[];
}

async function tryOut(app: App): Promise<Result> {
  const folder = await make(app);
  try {
    const began = Date.now();
    const words = ["deploy", folder, "--prod", "--project", `trial-${app.name}`];
    const { aliases } = await platform.json<{ aliases: string[] }>(...words);
    const deployMs = Date.now() - began;
    return { deployMs, failures: await failuresOf(aliases[0] ?? "", app.checks) };
  } finally {
    await rm(dirname(folder), { recursive: true, force: true });
  }
}
