/** One bundling. Everything that esbuild may see is in the question. */
import { entryOf } from "@cloudify/builder/entry";
import type { BuildFailure, Message } from "esbuild-wasm";
import wasm from "esbuild-wasm/esbuild.wasm";
import { build, initialize } from "esbuild-wasm/esm/browser.js";
import type { Bundled, Bundling, Diagnostic } from "#features/functions/bundle.ts";
import { sources } from "./sources.ts";

let ready: Promise<void> | null = null;

export async function bundle(asked: Bundling): Promise<Bundled> {
  ready ??= initialize({ wasmModule: wasm, worker: false });
  await ready;
  try {
    const { outputFiles, warnings } = await build({
      stdin: { contents: entryOf(`/${asked.entry}`, "function"), sourcefile: ENTRY, loader: "js" },
      outfile: "/index.js",
      absWorkingDir: "/",
      bundle: true,
      write: false,
      format: "esm",
      target: "es2022",
      platform: "neutral",
      define: { "process.env.NODE_ENV": '"production"' },
      jsx: "automatic",
      sourcemap: "linked",
      sourcesContent: true,
      legalComments: "none",
      logLevel: "silent",
      plugins: [sources(asked)],
    });
    const textOf = (end: string) => outputFiles.find((file) => file.path.endsWith(end))?.text ?? "";
    return { ok: true, code: textOf(".js"), map: textOf(".map"), warnings: warnings.map(diagnostic) };
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    return { ok: false, reason: "errors", errors: error.errors.map(diagnostic) };
  }
}

/** Never a file of the function's: the angle brackets keep it apart. */
const ENTRY = "<entry>";

const isBuildFailure = (error: unknown): error is BuildFailure =>
  error instanceof Error && Array.isArray((error as Partial<BuildFailure>).errors);

function diagnostic({ text, location, notes }: Message): Diagnostic {
  const fix = notes[0]?.text ?? null;
  if (!location || location.file === ENTRY)
    return { text, file: null, line: null, column: null, excerpt: null, fix };
  const { file, line, column, lineText } = location;
  return {
    text,
    file: file.replace(/^\//, ""),
    line,
    column: column + 1,
    excerpt: lineText.slice(0, 500),
    fix,
  };
}
