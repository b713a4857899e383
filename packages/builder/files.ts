/** Which files of a folder are taken, and which can't be. Reads names and sizes; the digests come later. */
import { lstat, readdir, readlink, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { type Rules, siteRules, sourceRules } from "./ignored.ts";
import { staysInside } from "./links.ts";
import { BuildProblem } from "./problem.ts";

export interface FoundFile {
  /** Relative to the folder, with slashes. */
  path: string;
  absolute: string;
  size: number;
  /** When it last changed, in milliseconds; a change while it is read shows. */
  changedAt: number;
  isExecutable?: true;
  /** Target of a symbolic link inside of a function's folder; its bytes are this text. */
  link?: string;
}

export const MAX_FILES = 25_000;
export const MAX_FILE_BYTES = 512 * 1024 * 1024;
const MAX_BYTES = 5 * 1024 * 1024 * 1024;
const MAX_SEGMENT_BYTES = 255;
const MAX_PATH_BYTES = 1_000;

/** @param skipModules Leave `node_modules` out: right for a project's folder, wrong for what a build made. */
export async function collectFiles(folder: string, skipModules: boolean): Promise<FoundFile[]> {
  return collect(folder, await siteRules(folder, skipModules), false);
}

/** What a build elsewhere needs of a repository; with what is executable, which Windows tells of no file. */
export async function collectSource(folder: string): Promise<FoundFile[]> {
  const root = await realpath(folder);
  return collect(root, await sourceRules(root), true);
}

interface Walk {
  root: string;
  /** Else only what lies in a function's folder is run. */
  isSource: boolean;
  files: FoundFile[];
}

async function collect(folder: string, rules: Rules, isSource: boolean): Promise<FoundFile[]> {
  const root = await realpath(folder);
  const files: FoundFile[] = [];
  await walk({ root, isSource, files }, root, "", rules, new Set([root]));
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  if (bytes > MAX_BYTES) throw tooLarge(`The folder has ${bytes} bytes; ${MAX_BYTES} are allowed.`);
  refuseTwins(files);
  return files;
}

async function walk(
  all: Walk,
  folder: string,
  prefix: string,
  above: Rules,
  parents: ReadonlySet<string>,
): Promise<void> {
  const { root, isSource, files } = all;
  const rules = await above.within(folder, prefix);
  const entries = await readdir(folder, { encoding: "buffer", withFileTypes: true });
  for (const entry of entries) {
    const name = nameOf(entry.name, prefix);
    const path = prefix + name;
    const absolute = join(folder, name);
    // By what lies here: rules tell folders from files, and a link, which is a file to them, may lead anywhere.
    if (rules.ignores(entry.isDirectory() ? `${path}/` : path)) continue;
    const found = await lstat(absolute);
    const own = FUNCTION.exec(path);
    const within = own?.[0] ?? (LINKED.test(path) ? "functions/" : null);
    if (found.isSymbolicLink() && within !== null) {
      files.push(await linkedFile(path, within, absolute));
      continue;
    }
    const real = found.isSymbolicLink() ? await follow(root, absolute, path) : absolute;
    const what = found.isSymbolicLink() ? await stat(real) : found;
    if (what.isDirectory()) {
      if (rules.ignores(`${path}/`)) continue;
      if (parents.has(real)) {
        throw new BuildProblem(
          "link_circle",
          `${path} is a link to a folder that holds it.`,
          "Remove the link.",
        );
      }
      await walk(all, real, `${path}/`, rules, new Set([...parents, real]));
    } else if (what.isFile()) {
      if (what.size > MAX_FILE_BYTES)
        throw tooLarge(`${path} has ${what.size} bytes; ${MAX_FILE_BYTES} are allowed.`);
      if (files.length >= MAX_FILES) {
        const fix = "Leave out what is not served, with a .cloudifyignore.";
        throw new BuildProblem("too_many_files", `The folder has more than ${MAX_FILES} files.`, fix);
      }
      const mode = modeOf(what, isSource || own !== null);
      files.push({ path, absolute: real, size: what.size, changedAt: what.mtimeMs, ...mode });
    } else {
      const fix = "Remove it, or name it in a .cloudifyignore.";
      throw new BuildProblem("special_file", `${path} is neither a file nor a folder.`, fix);
    }
  }
}

/** What lies in a function's folder of an output: packages there find each other by links, and programs are run. */
const FUNCTION = /^functions\/.+?\.func\//;

/** Pages of one framework are often one function under many names. */
const LINKED = /^functions\/.+\.func$/;

export const modeOf = ({ mode }: { mode: number }, isKept: boolean): { isExecutable?: true } =>
  isKept && (mode & 0o111) !== 0 ? { isExecutable: true } : {};

/** @param within The folder that it may not leave, with a slash. @throws BuildProblem when it does. */
export async function linkedFile(path: string, within: string, absolute: string): Promise<FoundFile> {
  const link = await readlink(absolute);
  const from = path.slice(within.length).split("/").slice(0, -1).join("/");
  if (!staysInside(from, link)) {
    const fix = "Build with what copies its files, or copy the file instead.";
    throw new BuildProblem("link_outside", `${path} is a link that leaves ${within}.`, fix);
  }
  const { mtimeMs } = await lstat(absolute);
  return { path, absolute, size: Buffer.byteLength(link), changedAt: mtimeMs, link };
}

/** A link may stand for a file of the folder, never for one outside. */
async function follow(root: string, link: string, path: string): Promise<string> {
  const real = await realpath(link).catch(() => null);
  if (real === null)
    throw new BuildProblem("broken_link", `${path} is a link to nothing.`, "Remove the link.");
  if (real !== root && !real.startsWith(root + sep)) {
    throw new BuildProblem(
      "link_outside",
      `${path} is a link that leaves the folder.`,
      "Copy the file instead.",
    );
  }
  return real;
}

function nameOf(raw: Buffer, prefix: string): string {
  const name = raw.toString("utf8");
  const fault = !Buffer.from(name, "utf8").equals(raw) ? "is not valid UTF-8" : faultOf(name, prefix);
  if (fault === null) return name;
  throw new BuildProblem("bad_name", `${JSON.stringify(prefix + name)} ${fault}.`, "Rename it.");
}

function faultOf(name: string, prefix: string): string | null {
  if (/[\u0000-\u001f\u007f]/.test(name)) return "holds a control character";
  if (name.includes("\\")) return "holds a backslash";
  if (Buffer.byteLength(name) > MAX_SEGMENT_BYTES) return `is longer than ${MAX_SEGMENT_BYTES} bytes`;
  return Buffer.byteLength(prefix + name) > MAX_PATH_BYTES ? `is longer than ${MAX_PATH_BYTES} bytes` : null;
}

/** Names that some file systems, or people, can't tell apart. */
function refuseTwins(files: readonly FoundFile[]): void {
  const seen = new Map<string, string>();
  for (const { path } of files) {
    const folded = path.normalize("NFC").toLowerCase();
    const twin = seen.get(folded);
    if (twin !== undefined) {
      const fix = "Rename one of them.";
      throw new BuildProblem(
        "name_collision",
        `${twin} and ${path} differ only in case or Unicode form.`,
        fix,
      );
    }
    seen.set(folded, path);
  }
}

const tooLarge = (message: string): BuildProblem =>
  new BuildProblem(
    "too_large",
    message,
    "Keep large media in a store of their own, or ignore them in a .cloudifyignore.",
  );
