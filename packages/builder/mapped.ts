/**
 * Files of functions that lie outside of the output: `vercel build` names them in `filePathMap` rather than copying
 * them. They are taken as if they stood in the function's folder.
 */
import { lstat, readFile, realpath, stat } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { isDirectory, isFile } from "./detect.ts";
import { type FoundFile, linkedFile, modeOf } from "./files.ts";
import { BuildProblem } from "./problem.ts";

const CONFIG = "/.vc-config.json";

interface FunctionConfig {
  filePathMap?: Record<string, string>;
}

/**
 * @param root The project's folder; a build of a monorepo names its files from the repository's.
 * @throws BuildProblem when a file is not there, or lies outside of the repository.
 */
export async function mappedFiles(
  output: string,
  root: string,
  files: readonly FoundFile[],
): Promise<FoundFile[]> {
  const there = new Set(files.map((file) => file.path));
  const found: FoundFile[] = [];
  for (const { path, absolute } of files) {
    if (!path.startsWith("functions/") || !path.endsWith(CONFIG)) continue;
    const { filePathMap } = await read(absolute);
    if (!filePathMap) continue;
    const folder = path.slice(0, -CONFIG.length);
    for (const [name, source] of Object.entries(filePathMap)) {
      const at = `${folder}/${name}`;
      if (there.has(at)) continue;
      there.add(at);
      found.push(await take(output, root, { folder: `${folder}/`, path: at }, source));
    }
  }
  return found;
}

async function read(absolute: string): Promise<FunctionConfig> {
  try {
    return JSON.parse(await readFile(absolute, "utf8")) as FunctionConfig;
  } catch {
    // What is wrong with it is said where it is compiled.
    return {};
  }
}

interface Place {
  /** The function's, with a slash. */
  folder: string;
  path: string;
}

async function take(
  output: string,
  root: string,
  { folder, path }: Place,
  source: string,
): Promise<FoundFile> {
  for (let base = root; ; base = dirname(base)) {
    const absolute = resolve(base, source);
    const own = await lstat(absolute).catch(() => null);
    // Packages of pnpm and of workspaces find each other by links.
    if (own?.isSymbolicLink() && (await isDirectory(absolute))) return linkedFile(path, folder, absolute);
    if (await isFile(absolute)) {
      const real = await realpath(absolute);
      if (relative(await realpath(base), real).startsWith(`..${sep}`)) break;
      const found = await stat(real);
      const { size, mtimeMs } = found;
      return { path, absolute: real, size, changedAt: mtimeMs, ...modeOf(found, true) };
    }
    if ((await stat(join(base, ".git")).catch(() => null)) !== null || dirname(base) === base) break;
  }
  throw new BuildProblem(
    "missing_file",
    `${path} stands for ${source}, which is not in ${root}.`,
    `Run the build that made ${output} again, and deploy from the same folder.`,
  );
}
