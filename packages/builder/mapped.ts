/**
 * Files of functions that lie outside of the output: `vercel build` names them in `filePathMap` rather than copying
 * them. They are taken as if they stood in the function's folder.
 */
import { readFile, realpath, stat } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import type { FoundFile } from "./files.ts";
import { isFile } from "./plan.ts";
import { BuildProblem } from "./problem.ts";

const CONFIG = "/.vc-config.json";

interface FunctionConfig {
  runtime?: string;
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
    const { runtime, filePathMap } = await read(absolute);
    if (runtime !== "edge" || !filePathMap) continue;
    const folder = path.slice(0, -CONFIG.length);
    for (const [name, source] of Object.entries(filePathMap)) {
      const at = `${folder}/${name}`;
      if (there.has(at)) continue;
      there.add(at);
      found.push(await take(output, root, at, source));
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

async function take(output: string, root: string, path: string, source: string): Promise<FoundFile> {
  for (let base = root; ; base = dirname(base)) {
    const absolute = resolve(base, source);
    if (await isFile(absolute)) {
      const real = await realpath(absolute);
      if (relative(await realpath(base), real).startsWith(`..${sep}`)) break;
      const { size, mtimeMs } = await stat(real);
      return { path, absolute: real, size, changedAt: mtimeMs };
    }
    if ((await stat(join(base, ".git")).catch(() => null)) !== null || dirname(base) === base) break;
  }
  throw new BuildProblem(
    "missing_file",
    `${path} stands for ${source}, which is not in ${root}.`,
    `Run the build that made ${output} again, and deploy from the same folder.`,
  );
}
