/** The source of one function, read from a file or a folder: what an edge function can import, and nothing else. */
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { collectFiles } from "@cloudify/builder";
import { kindOf } from "@cloudify/builder/kinds";
import { bytes } from "./output.ts";
import { CliProblem } from "./problem.ts";

/** As the API has it. */
const MAX_SOURCE_BYTES = 2 * 1024 * 1024;
const SHOWN_FILES = 3;

export interface FunctionSource {
  /** Path inside the folder → text. */
  files: Record<string, string>;
  entry?: string;
  imports: Record<string, string>;
  /** How many files of the folder can't be imported, and are left out. */
  leftOut: number;
}

interface Found {
  path: string;
  absolute: string;
  size: number;
}

/**
 * @param mappings `NAME=PATH`, the path inside the folder; what it names is read even where a folder's files are not,
 *   in `node_modules`.
 * @throws CliProblem
 */
export async function readFunctionSource(
  from: string,
  entry: string | undefined,
  mappings: readonly string[],
): Promise<FunctionSource> {
  const at = resolve(from);
  const what = await stat(at).catch(() => null);
  if (!what)
    throw new CliProblem("no_source", `There is no ${at}.`, "Give a file, or the folder that holds it.");
  const folder = what.isDirectory() ? at : dirname(at);
  const imports = Object.fromEntries(mappings.map((one) => mappingOf(one, folder)));
  const all: Found[] = what.isDirectory()
    ? await collectFiles(folder, true)
    : [{ path: basename(at), absolute: at, size: what.size }];
  for (const target of Object.values(imports)) all.push(...(await mapped(folder, target)));
  const found = [
    ...new Map(all.filter(({ path }) => kindOf(path)).map((file) => [file.path, file])).values(),
  ];
  refuseLarge(found);
  const files: Record<string, string> = {};
  for (const file of found) files[file.path] = await textOf(file);
  const first = entry === undefined ? undefined : inside(folder, entry);
  const own = what.isDirectory() ? first : (first ?? basename(at));
  const leftOut = all.filter(({ path }) => !kindOf(path)).length;
  return { files, imports, leftOut, ...(own === undefined ? {} : { entry: own }) };
}

function mappingOf(mapping: string, folder: string): [name: string, path: string] {
  const [, name, path] = /^([^=]+)=(.+)$/.exec(mapping) ?? [];
  if (name === undefined || path === undefined) {
    throw new CliProblem(
      "invalid_import",
      `${mapping} does not say what an import means.`,
      "Give --import NAME=PATH, say --import lodash=./vendor/lodash.js.",
      2,
    );
  }
  const end = path.endsWith("/") ? "/" : "";
  return [name, `./${inside(folder, path)}${end}`];
}

/** @returns With slashes, without a dot in front. */
function inside(folder: string, path: string): string {
  const found = relative(folder, resolve(folder, path));
  if (found !== "" && found !== ".." && !found.startsWith(`..${sep}`)) return found.split(sep).join("/");
  const fix = "Only what lies in the function's folder is sent: give paths inside of it.";
  throw new CliProblem("outside_folder", `${path} is not inside ${folder}.`, fix, 2);
}

async function mapped(folder: string, target: string): Promise<Found[]> {
  const path = target.replace(/^\.\//, "").replace(/\/$/, "");
  const absolute = join(folder, path);
  const what = await stat(absolute).catch(() => null);
  if (what?.isDirectory() && target.endsWith("/")) {
    return (await collectFiles(absolute, true)).map((file) => ({ ...file, path: `${path}/${file.path}` }));
  }
  if (what?.isFile() && !target.endsWith("/")) return [{ path, absolute, size: what.size }];
  const fix = "A name means a file, and a name that ends with a slash a folder: lib/=./vendor/lib/.";
  throw new CliProblem(
    "no_source",
    `There is no ${target.endsWith("/") ? "folder" : "file"} ${absolute}.`,
    fix,
  );
}

function refuseLarge(found: readonly Found[]): void {
  const total = found.reduce((sum, file) => sum + file.size, 0);
  if (total <= MAX_SOURCE_BYTES) return;
  const largest = [...found].sort((a, b) => b.size - a.size).slice(0, SHOWN_FILES);
  const shown = largest.map(({ path, size }) => `${path} (${bytes(size)})`).join(", ");
  throw new CliProblem(
    "too_large",
    `The source has ${total} bytes; ${MAX_SOURCE_BYTES} are allowed. Largest: ${shown}.`,
    "Name what it does not need in a .cloudifyignore, or deploy it as api/… of a project, which is bundled on your machine.",
  );
}

async function textOf({ path, absolute }: Found): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(absolute));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CliProblem("invalid_text", `${path} is not UTF-8.`, "Save it as UTF-8.");
  }
}
