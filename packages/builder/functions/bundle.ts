/** One source file → one ES module, with what belongs beside it. */
import { createHash } from "node:crypto";
import { readFile, realpath } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import type { Metafile, PartialMessage, Plugin } from "esbuild";
import { BuildProblem } from "../problem.ts";
import { explained } from "./diagnostics.ts";
import type { FunctionSource } from "./discover.ts";
import { entryOf } from "./entry.ts";
import { nodeModule } from "./node-modules.ts";
import { optional, tracedBuiltins } from "./traced-imports.ts";

const MAX_SCRIPT_BYTES = 10 * 1024 * 1024;

export interface BundledFunction {
  /** Name inside the function's folder → bytes. */
  files: Map<string, Uint8Array>;
  /** Absolute paths of all that it was made from. */
  inputs: string[];
}

/**
 * Of a project's sources, what is installed may lie above the project. A traced tree holds all that there is, and of a
 * package only those files that Vercel's conditions led its tracer to.
 */
export type Extent = "project" | "traced";

const CONDITIONS: Record<Extent, string[]> = {
  project: ["edge-light", "workerd", "worker", "browser"],
  traced: ["edge-light", "browser", "module", "import", "require"],
};

const OUTSIDE: Record<Extent, { whole: string; fix: string }> = {
  project: { whole: "project", fix: "Move it into the project, or set its rootDirectory higher." },
  traced: { whole: "function's folder", fix: "Import it by a path that leads to it inside of the folder." },
};

/** @throws BuildProblem with file, line, column and an excerpt. */
export async function bundleFunction(
  folder: string,
  source: FunctionSource,
  extent: Extent = "project",
): Promise<BundledFunction> {
  // esbuild tells of every file where it really lies.
  const root = await realpath(folder);
  // esbuild stands beside the CLI's one file, and is not needed for plain files.
  const { build } = await import("esbuild");
  const beside = new Map<string, Uint8Array>();
  const unlisted: string[] = [];
  const bounds: Bounds = { root, extent };
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
      conditions: CONDITIONS[extent],
      define: { "process.env.NODE_ENV": '"production"' },
      jsx: "automatic",
      sourcemap: "external",
      sourcesContent: true,
      loader: { ".txt": "text", ".html": "text", ".md": "text", ".sql": "text" },
      legalComments: "none",
      logLevel: "silent",
      plugins: [
        boundary(bounds),
        extent === "traced" ? tracedBuiltins() : builtins(),
        assets(bounds, beside, unlisted),
        ...(extent === "traced" ? [optional(root)] : []),
      ],
      // Settings of whoever's folder lies above are not the tree's.
      ...(extent === "traced" ? { tsconfigRaw: {} } : {}),
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

interface Bounds {
  root: string;
  extent: Extent;
}

function boundary(bounds: Bounds): Plugin {
  return {
    name: "boundary",
    setup(hooks) {
      hooks.onLoad({ filter: /.*/, namespace: "file" }, ({ path }) => faultOf(bounds, path));
    },
  };
}

/**
 * Only what belongs to the project, and what is installed, may come along.
 *
 * @param path Where the file really lies: a link inside may lead out.
 */
function faultOf({ root, extent }: Bounds, path: string): { errors: PartialMessage[] } | null {
  const isInstalled = extent === "project" && path.split(sep).includes("node_modules");
  if (path.startsWith(root + sep) || isInstalled) return null;
  const { whole, fix } = OUTSIDE[extent];
  const text = `${relative(root, path)} lies outside of the ${whole}`;
  return { errors: [{ text, notes: [{ text: fix }] }] };
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
 * WebAssembly stays a file beside the module; `?raw` makes a text of any file. Neither is read by esbuild, so the boundary
 * does not see them.
 *
 * @param read Takes their paths.
 */
function assets(bounds: Bounds, beside: Map<string, Uint8Array>, read: string[]): Plugin {
  return {
    name: "assets",
    setup(hooks) {
      hooks.onResolve({ filter: /\.wasm(?:\?module)?$/ }, async ({ path, resolveDir, kind, pluginData }) => {
        if (pluginData === OWN) return undefined;
        const bare = path.replace(/\?module$/, "");
        const found = await hooks.resolve(bare, { resolveDir, kind, pluginData: OWN });
        const at = await realOf(found.errors.length > 0 ? join(resolveDir, bare) : found.path);
        if (at === null) return unresolved(path);
        const fault = faultOf(bounds, at);
        if (fault) return fault;
        const content = await readFile(at);
        const name = nameOf(at, content);
        beside.set(name, content);
        read.push(at);
        return { path: `./${name}`, external: true };
      });
      hooks.onResolve({ filter: /\?raw$/ }, async ({ path, resolveDir }) => {
        const at = resolve(resolveDir, path.replace(/\?raw$/, ""));
        const real = await realOf(at);
        if (real === null) return unresolved(path);
        // The link itself: a change of what it leads to is seen through it.
        return faultOf(bounds, real) ?? { path: at, namespace: "raw" };
      });
      hooks.onLoad({ filter: /.*/, namespace: "raw" }, async ({ path }) => {
        read.push(path);
        return { contents: await readFile(path, "utf8"), loader: "text" };
      });
    },
  };
}

const realOf = (path: string): Promise<string | null> => realpath(path).catch(() => null);
const unresolved = (path: string) => ({ errors: [{ text: `Could not resolve "${path}"` }] });

/** Packages name their files alike, and their folders too: only the content tells two apart. */
function nameOf(path: string, content: Uint8Array): string {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 8);
  return `wasm/${basename(dirname(path))}-${basename(path, ".wasm")}-${hash}.wasm`;
}
