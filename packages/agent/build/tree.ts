/** The files of an output as they are sent: links inside of functions, and from one function to another, stay links. */
import { lstat, readdir, readlink, realpath, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { staysInside } from "@cloudify/builder/links";
import { BuildFault } from "./fault.ts";

export interface TreeFile {
  /** Relative to the output, with slashes. */
  path: string;
  absolute: string;
  /** Bytes; of a link, of its target's text. */
  size: number;
  /** Names the file on its disk: what has two paths is read once. */
  inode: string;
  isExecutable?: true;
  /** Target of a symbolic link, relative to the folder that it lies in. */
  link?: string;
}

/** As the control plane has them; see features/deployments/contract.ts. */
const MAX_FILES = 25_000;
const MAX_BYTES = 5 * 1024 ** 3;
/** The most that one request carries. */
const MAX_FILE_BYTES = 95 * 1024 ** 2;

/** @throws BuildFault for what can't be deployed. */
export async function readTree(output: string): Promise<TreeFile[]> {
  const root = await realpath(output);
  const files: TreeFile[] = [];
  await walk({ root, files, func: null }, root, "");
  if (files.length > MAX_FILES) {
    const fix = "Leave out what is not served; pages that are alike can be one dynamic page.";
    throw new BuildFault(
      "too_many_files",
      `The output has ${files.length} files; ${MAX_FILES} are allowed.`,
      fix,
    );
  }
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  if (bytes > MAX_BYTES) throw tooLarge(`The output has ${bytes} bytes; ${MAX_BYTES} are allowed.`);
  return files;
}

const FUNCTION = /^functions\/.+\.func$/;

interface Walk {
  root: string;
  files: TreeFile[];
  /** The function's folder that is walked through, by its real path. */
  func: string | null;
}

async function walk(at: Walk, folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder)) await take(at, join(folder, name), prefix + name);
}

async function take(at: Walk, absolute: string, path: string): Promise<void> {
  const own = await lstat(absolute);
  const isFunction = at.func === null && FUNCTION.test(path);
  if (own.isSymbolicLink() && (isFunction || at.func !== null)) {
    // Pages of one framework are often one function under many names.
    const within = isFunction ? join(at.root, "functions") : at.func;
    if (isFunction) await follow(at.root, absolute, path);
    return void at.files.push(await linkOf(within ?? at.root, absolute, path));
  }
  const real = own.isSymbolicLink() ? await follow(at.root, absolute, path) : absolute;
  const found = own.isSymbolicLink() ? await stat(real) : own;
  if (found.isDirectory()) {
    if (own.isSymbolicLink() && absolute.startsWith(real + sep)) throw leaves(path);
    return walk(isFunction ? { ...at, func: real } : at, real, `${path}/`);
  }
  if (!found.isFile()) {
    throw new BuildFault(
      "special_file",
      `${path} of the output is neither a file nor a folder.`,
      "Let the build remove it.",
    );
  }
  if (found.size > MAX_FILE_BYTES) {
    throw tooLarge(
      `${path} of the output has ${found.size} bytes; ${MAX_FILE_BYTES} are allowed for a file.`,
    );
  }
  const isExecutable = at.func !== null && (found.mode & 0o111) !== 0;
  at.files.push({
    path,
    absolute: real,
    size: found.size,
    inode: `${found.dev}:${found.ino}`,
    ...(isExecutable ? { isExecutable: true } : {}),
  });
}

async function linkOf(func: string, absolute: string, path: string): Promise<TreeFile> {
  const target = await readlink(absolute);
  const from = relative(func, dirname(absolute)).split(sep).join("/");
  if (!staysInside(from, target)) throw leaves(path);
  const { dev, ino } = await lstat(absolute);
  return { path, absolute, size: Buffer.byteLength(target), inode: `${dev}:${ino}`, link: target };
}

async function follow(root: string, absolute: string, path: string): Promise<string> {
  const real = await realpath(absolute).catch(() => null);
  if (real === null || !real.startsWith(root + sep)) throw leaves(path);
  return real;
}

const leaves = (path: string): BuildFault =>
  new BuildFault(
    "link_outside",
    `${path} of the output is a link that leads out of its folder, or to nothing.`,
    "Let the build copy the file instead.",
  );

const tooLarge = (detail: string): BuildFault =>
  new BuildFault("too_large", detail, "Keep large media in a store of their own.");
