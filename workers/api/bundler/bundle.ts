/** One bundling. Everything that esbuild may see is in the question. */
import { columnOf } from "@cloudify/builder/columns";
import { entryOf } from "@cloudify/builder/entry";
import { noted } from "@cloudify/builder/notes";
import type { Message } from "esbuild-wasm";
import {
  type Bundled,
  type Bundling,
  type Diagnostic,
  excerptOf,
  TOO_HEAVY,
} from "#features/functions/bundle.ts";
import { run } from "./esbuild.ts";
import { sources } from "./sources.ts";

export async function bundle(asked: Bundling): Promise<Bundled> {
  const built = await run({
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
  if (!built) return { ok: false, reason: "errors", errors: [TOO_HEAVY] };
  if (!built.ok) {
    const errors = built.error.errors.filter(({ text }) => !NO_FOLDER.test(text));
    return { ok: false, reason: "errors", errors: errors.map(diagnostic) };
  }
  const { outputFiles, warnings } = built.result;
  const textOf = (end: string) => outputFiles.find((file) => file.path.endsWith(end))?.text ?? "";
  return { ok: true, code: textOf(".js"), map: textOf(".map"), warnings: warnings.map(diagnostic) };
}

/** It looks there for what an import by pattern may mean, and says of that import what is wrong in an error of its own. */
const NO_FOLDER = /^Cannot read directory /;

/** Never a file of the function's: the angle brackets keep it apart. */
const ENTRY = "<entry>";

function diagnostic(message: Message): Diagnostic {
  const { location } = message;
  const { text, fix } = noted(message);
  if (!location || location.file === ENTRY)
    return { text, file: null, line: null, column: null, excerpt: null, fix };
  const { file, line, lineText } = location;
  const column = columnOf(lineText, location.column);
  return { text, file: file.replace(/^\//, ""), line, column, excerpt: excerptOf(lineText, column), fix };
}
