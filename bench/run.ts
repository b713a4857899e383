/**
 * `npm run bench`: what the design promises, measured in one run. Rates stand beside those of a bare chain of the same
 * processes, and only the ratio means anything. `--smoke` does each of it once, small, to see that it runs. Words name
 * the parts to run: `npm run bench -- functions hops`.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { TestPlatform } from "#tests/support/platform.ts";
import { startBare } from "./bare.ts";
import { functions } from "./functions.ts";
import { hops } from "./hops.ts";
import { lines } from "./lines.ts";
import { isSmoke } from "./report.ts";
import { rollouts } from "./rollouts.ts";
import { router } from "./router.ts";
import { sources } from "./sources.ts";

const parts = { router, functions, hops, sources, lines, rollouts };
/** Each has a platform of its own. */
const scripts = ["hostile", "concurrent"];

const asked = process.argv.slice(2).filter((word) => !word.startsWith("-"));
const unknown = asked.filter((word) => !Object.hasOwn(parts, word) && !scripts.includes(word));
if (unknown.length > 0) {
  console.error(
    `There is no bench ${unknown.join(", ")}: ${[...Object.keys(parts), ...scripts].join(", ")}.`,
  );
  process.exit(2);
}
const isAsked = (name: string): boolean => asked.length === 0 || asked.includes(name);

const chosen = Object.entries(parts).filter(([name]) => isAsked(name));
if (chosen.length > 0) {
  const platform = new TestPlatform();
  const bare = await startBare();
  try {
    await platform.start();
    for (const [, part] of chosen) await part(platform, bare);
  } finally {
    await platform.remove();
    await bare.stop();
  }
}
for (const name of scripts.filter(isAsked)) {
  const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  execFileSync(process.execPath, [script, ...(isSmoke ? ["--smoke"] : [])], { stdio: "inherit" });
}
