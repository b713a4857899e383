/** One source file → one ES module, with what belongs beside it. */
import { readFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import type { Metafile, Plugin } from "esbuild";
import { BuildProblem } from "../problem.ts";
import { explained } from "./diagnostics.ts";
import type { FunctionSource } from "./discover.ts";
import { entryOf } from "./entry.ts";
import { nodeModule } from "./node-modules.ts";

const MAX_SCRIPT_BYTES = 10 * 1024 * 1024;

export interface BundledFunction {
  /** Name inside the function's folder → bytes. */
  files: Map<string, Uint8Array>;
  /** Absolute paths of all that it was made from. */
  inputs: string[];
}

/** @throws BuildProblem with file, line, column and an excerpt. */
export async function bundleFunction(root: string, source: FunctionSource): Promise<BundledFunction> {
  // esbuild stands beside the CLI's one file, and is not needed for plain files.
  const { build } = await import("esbuild");
  const beside = new Map<string, Uint8Array>();
  const unlisted: string[] = [];
  try {
    const { outputFiles, metafile } = await build({
      stdin: {
        contents: entryOf(`./${source.file}`, source.kind),
        resolveDir: root,
        sourcefile: "cloudify:entry",
        loader: "js",
      },
      absWorkingDir: root,
      outfile: "index.js",
      bundle: true,
      write: false,
      metafile: true,
      format: "esm",
      target: "es2022",
      platform: "neutral",
      mainFields: ["browser", "module", "main"],
      conditions: ["edge-light", "workerd", "worker", "browser"],
      define: { "process.env.NODE_ENV": '"production"' },
      jsx: "automatic",
      sourcemap: "external",
      sourcesContent: true,
      loader: { ".txt": "text", ".html": "text", ".md": "text", ".sql": "text" },
      legalComments: "none",
      logLevel: "silent",
      plugins: [boundary(root), builtins(), assets(beside, unlisted)],
    });
    for (const file of outputFiles) beside.set(basename(file.path), file.contents);
    const bytes = [...beside].reduce(
      (sum, [name, content]) => sum + (name.endsWith(".map") ? 0 : content.length),
      0,
    );
    if (bytes > MAX_SCRIPT_BYTES) {
      const fix = "Leave out dependencies that it does not need, or split it.";
      throw new BuildProblem(
        "function_too_large",
        `${source.file} comes to ${bytes} bytes; ${MAX_SCRIPT_BYTES} are allowed.`,
        fix,
      );
    }
    return { files: beside, inputs: [...inputsOf(root, metafile), ...unlisted] };
  } catch (error) {
    throw explained(source.file, error);
  }
}

const inputsOf = (root: string, { inputs }: Metafile): string[] =>
  Object.keys(inputs)
    .filter((path) => !path.startsWith("cloudify:") && !path.startsWith("raw:") && !path.includes(":entry"))
    .map((path) => resolve(root, path));

/** Only what belongs to the project, and what is installed. */
function boundary(root: string): Plugin {
  return {
    name: "boundary",
    setup(hooks) {
      hooks.onLoad({ filter: /.*/, namespace: "file" }, ({ path }) => {
        const isInside = path.startsWith(root + sep) || path.split(sep).includes("node_modules");
        if (isInside) return undefined;
        const text = `${relative(root, path)} lies outside of the project`;
        return {
          errors: [{ text, notes: [{ text: "Move it into the project, or set its rootDirectory higher." }] }],
        };
      });
    },
  };
}

function builtins(): Plugin {
  return {
    name: "builtins",
    setup(hooks) {
      hooks.onResolve({ filter: /^(?:node:)?[a-z_/0-9]+$/ }, ({ path, kind }) => {
        const found = nodeModule(path);
        if (!found) return undefined;
        if (found.is === "absent" && kind !== "require-call") {
          const text = `${found.name} does not exist in an edge function`;
          return {
            errors: [
              { text, notes: [{ text: "Leave it out, or look for a library that needs only Web APIs." }] },
            ],
          };
        }
        return { path: found.name, external: true };
      });
      hooks.onResolve({ filter: /^cloudflare:/ }, ({ path }) => ({ path, external: true }));
    },
  };
}

/** Marks our own question, which we do not answer. */
const OWN = "own";

/**
 * WebAssembly stays a file beside the module; `?raw` makes a text of any file.
 *
 * @param read Takes the paths of what esbuild itself does not read.
 */
function assets(beside: Map<string, Uint8Array>, read: string[]): Plugin {
  return {
    name: "assets",
    setup(hooks) {
      hooks.onResolve({ filter: /\.wasm(?:\?module)?$/ }, async ({ path, resolveDir, kind, pluginData }) => {
        if (pluginData === OWN) return undefined;
        const bare = path.replace(/\?module$/, "");
        const found = await hooks.resolve(bare, { resolveDir, kind, pluginData: OWN });
        const at = found.errors.length > 0 ? join(resolveDir, bare) : found.path;
        const content = await readFile(at).catch(() => null);
        if (!content) return { errors: [{ text: `Could not resolve "${path}"` }] };
        const name = `wasm/${basename(dirname(at))}-${basename(at)}`;
        beside.set(name, content);
        read.push(at);
        return { path: `./${name}`, external: true };
      });
      hooks.onResolve({ filter: /\?raw$/ }, ({ path, resolveDir }) => ({
        path: resolve(resolveDir, path.replace(/\?raw$/, "")),
        namespace: "raw",
      }));
      hooks.onLoad({ filter: /.*/, namespace: "raw" }, async ({ path }) => {
        read.push(path);
        return { contents: await readFile(path, "utf8"), loader: "text" };
      });
    },
  };
}
