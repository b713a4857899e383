/**
 * Bundles the CLI: one file that runs on Node 20, and beside it the parts of the platform that `cloudify dev` starts,
 * with the bindings that wrangler.toml gives them.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WORKERS } from "@cloudify/platform";
import { type BuildOptions, build } from "esbuild";
import { ROOT, shippedParts } from "./platform/parts.ts";

const path = (relative: string): string => join(ROOT, "packages/cli", relative);

const shared: BuildOptions = {
  bundle: true,
  minify: true,
  platform: "node",
  format: "esm",
  target: "node20",
  // Binaries and what comes with them; they are installed beside the CLI.
  external: ["esbuild", "miniflare", "workerd"],
  legalComments: "none",
  logLevel: "warning",
  // Some dependencies are CommonJS and ask for Node's own modules with `require`.
  banner: {
    js: "import{createRequire as $require}from'node:module';const require=$require(import.meta.url);",
  },
};

const parts = path("dist/platform");
rmSync(parts, { recursive: true, force: true });
mkdirSync(parts, { recursive: true });
const write = (name: string, content: string): void => writeFileSync(join(parts, name), content);

await Promise.all([
  build({ ...shared, entryPoints: [path("src/main.ts")], outfile: path("dist/cloudify.mjs") }),
  build({
    ...shared,
    entryPoints: [join(ROOT, "scripts/platform/seed.ts")],
    outfile: join(parts, "seed.mjs"),
  }),
  ...WORKERS.map(async (name) => {
    const { code, options } = await shippedParts.worker(name);
    write(`${name}.mjs`, code);
    write(`${name}.json`, JSON.stringify(options));
  }),
  build({ ...shared, entryPoints: [shippedParts.gate.plugin], outfile: join(parts, "gate-plugin.mjs") }),
  shippedParts.gate.code().then((code) => write("gate.mjs", code)),
  shippedParts.isolates().then((code) => write("isolates.mjs", code)),
  shippedParts.migrations().then((all) => write("migrations.json", JSON.stringify(all))),
]);
