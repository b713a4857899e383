/** Bundles the CLI into one file that runs on Node 20, with nothing beside it but esbuild. */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const path = (relative: string): string =>
  fileURLToPath(new URL(`../packages/cli/${relative}`, import.meta.url));

await build({
  entryPoints: [path("src/main.ts")],
  outfile: path("dist/cloudify.mjs"),
  bundle: true,
  minify: true,
  platform: "node",
  format: "esm",
  target: "node20",
  // A binary; it is installed beside the CLI.
  external: ["esbuild"],
  legalComments: "none",
  logLevel: "warning",
  // Some dependencies are CommonJS and ask for Node's own modules with `require`.
  banner: {
    js: "import{createRequire as $require}from'node:module';const require=$require(import.meta.url);",
  },
});
