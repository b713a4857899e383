/** `node scripts/stage.ts STAGE IDS.json`: writes wrangler.STAGE.toml, which is deployed with `wrangler -c`. */
import { readFileSync, writeFileSync } from "node:fs";
import { stageOf } from "./stage-rules.ts";

const [stage, ids] = process.argv.slice(2);
if (!stage || !ids) {
  console.error("usage: node scripts/stage.ts STAGE IDS.json");
  process.exit(2);
}
try {
  const root = new URL("../", import.meta.url);
  const toml = readFileSync(new URL("wrangler.toml", root), "utf8");
  const staged = stageOf(toml, stage, JSON.parse(readFileSync(ids, "utf8")) as Record<string, string>);
  writeFileSync(new URL(`wrangler.${stage}.toml`, root), staged);
  console.log(`wrote wrangler.${stage}.toml`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
