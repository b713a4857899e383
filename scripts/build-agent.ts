/**
 * Bundles a region's agent into packages/agent/dist: one file for the agent, and one for each program that it starts. They
 * need Node 20 and nothing else; packages/agent/Dockerfile puts them into an image.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { ROOT } from "./platform/parts.ts";

const path = (relative: string): string => join(ROOT, "packages/agent", relative);

/** Programs, by the name of the file that they become. */
const PROGRAMS = {
  agent: "main.ts",
  runtime: "runtime/main.ts",
  build: "build/main.ts",
  pod: "kubernetes/pod/main.ts",
};

rmSync(path("dist"), { recursive: true, force: true });
await build({
  entryPoints: Object.fromEntries(Object.entries(PROGRAMS).map(([name, source]) => [name, path(source)])),
  outdir: path("dist"),
  outExtension: { ".js": ".mjs" },
  bundle: true,
  minify: true,
  sourcemap: "linked",
  platform: "node",
  format: "esm",
  target: "node20",
  legalComments: "none",
  logLevel: "warning",
  // Some dependencies are CommonJS and ask for Node's own modules with `require`.
  banner: {
    js: "import{createRequire as $require}from'node:module';const require=$require(import.meta.url);",
  },
});
