/** Bundles a Worker as `wrangler deploy` would, for the local platform and the tests. */
import { build } from "esbuild";

/** @param isShipped As small as it gets, without a source map. @returns One ES module. @throws When it does not bundle. */
export async function bundle(entry: string, isShipped = false): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    platform: "browser",
    mainFields: ["browser", "module", "main"],
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*", "*.wasm"],
    sourcemap: isShipped ? false : "inline",
    minify: isShipped,
    sourcesContent: false,
    logLevel: "silent",
  });
  const [file] = outputFiles;
  if (!file) throw new Error(`${entry} gave no bundle`);
  return file.text;
}
