/**
 * Edge functions as `vercel build` leaves them outside of Next.js: no bundle but what a tracer listed, sources of the
 * project, `node_modules` and links, in `.js` often compiled to CommonJS. Vercel bundles them when it deploys; here that is
 * done where the tree is read. What an isolate can load as it lies there is left alone.
 */
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { FoundFile } from "./files.ts";
import { bundleFunction } from "./functions/bundle.ts";
import { needsBundling } from "./functions/needs-bundling.ts";
import { BuildProblem } from "./problem.ts";

/** Path in the output → bytes. */
export type MadeFile = [string, Uint8Array];

/** Folder of a function → what was made of it, of files as they were then. */
export type Held = Map<string, { stamp: string; made: MadeFile[] | null }>;

/** Path inside of the function's folder → file. */
type Folder = ReadonlyMap<string, FoundFile>;

interface EdgeConfig extends Record<string, unknown> {
  entrypoint: string;
}

/**
 * @param files Of an output, with those that lie outside of it. @param held Of the last time; what has changed is put there.
 * @returns The files that stay, and those that stand in for the others.
 * @throws BuildProblem when one can't be bundled.
 */
export async function bundleTraced(
  output: string,
  files: readonly FoundFile[],
  held: Held = new Map(),
): Promise<{ found: FoundFile[]; made: MadeFile[] }> {
  const middlewares = await middlewaresOf(output);
  const gone = new Set<string>();
  const made: MadeFile[] = [];
  for (const [at, folder] of foldersOf(files)) {
    const stamp = [...folder].map(([path, file]) => `${path}:${file.size}:${file.changedAt}`).join("\n");
    const known = held.get(at);
    const name = at.replace(/^functions\/(.+)\.func$/, "$1");
    const kind = middlewares.has(name) ? "middleware" : "function";
    const bundled = known?.stamp === stamp ? known.made : await bundleFolder(at, folder, { name, kind });
    held.set(at, { stamp, made: bundled });
    if (bundled === null) continue;
    gone.add(at);
    made.push(...bundled);
  }
  return { found: files.filter(({ path }) => !gone.has(folderOf(path) ?? "")), made };
}

const folderOf = (path: string): string | undefined => /^(functions\/.+?\.func)\//.exec(path)?.[1];

function foldersOf(files: readonly FoundFile[]): Map<string, Map<string, FoundFile>> {
  const folders = new Map<string, Map<string, FoundFile>>();
  for (const file of files) {
    const at = folderOf(file.path);
    if (at === undefined) continue;
    const folder = folders.get(at) ?? new Map<string, FoundFile>();
    folders.set(at, folder.set(file.path.slice(at.length + 1), file));
  }
  return folders;
}

/** @returns `null` when it stays as it is. */
async function bundleFolder(
  at: string,
  folder: Folder,
  { name, kind }: { name: string; kind: "function" | "middleware" },
): Promise<MadeFile[] | null> {
  const config = await configOf(folder);
  if (config === null || !(await needsBundling(folder, config.entrypoint))) return null;
  const above = await mkdtemp(join(tmpdir(), "cloudify-traced-"));
  try {
    // A folder's name can be part of a file's name: the same tree gives the same bundle.
    const copy = join(above, "function");
    await lay(folder, copy);
    const { files } = await bundleFunction(copy, { file: config.entrypoint, name, kind }, "traced");
    for (const path of assetsOf(config)) {
      const asset = folder.get(path);
      if (asset && !files.has(path)) files.set(path, await readFile(asset.absolute));
    }
    // What it named outside of its folder is in the bundle.
    const { filePathMap: _, ...settings } = config;
    const text = `${JSON.stringify({ ...settings, entrypoint: "index.js" })}\n`;
    files.set(".vc-config.json", Buffer.from(text));
    return [...files].map(([path, content]): MadeFile => [`${at}/${path}`, content]);
  } catch (error) {
    if (!(error instanceof BuildProblem)) throw error;
    throw new BuildProblem(error.code, `${at}/${error.message}`, error.fix);
  } finally {
    await rm(above, { recursive: true, force: true });
  }
}

/** What is wrong with it is said where it is compiled. */
async function configOf(folder: Folder): Promise<EdgeConfig | null> {
  const file = folder.get(".vc-config.json");
  if (!file || file.link !== undefined) return null;
  try {
    const config = JSON.parse(await readFile(file.absolute, "utf8")) as Record<string, unknown>;
    const { runtime, entrypoint: given } = config;
    const entrypoint = typeof given === "string" ? given.replace(/^\.\//, "") : "";
    return runtime === "edge" && folder.has(entrypoint) ? { ...config, entrypoint } : null;
  } catch {
    return null;
  }
}

const assetsOf = ({ assets }: EdgeConfig): string[] =>
  Array.isArray(assets)
    ? assets.flatMap((one: { path?: unknown } | null) =>
        typeof one?.path === "string" ? [one.path.replace(/^\.\//, "")] : [],
      )
    : [];

/** The folder as the function would see it: of its files some lie elsewhere, and beside those lies what is not its own. */
async function lay(folder: Folder, copy: string): Promise<void> {
  for (const [path, { absolute, link }] of folder) {
    await mkdir(dirname(join(copy, path)), { recursive: true });
    if (link === undefined) await copyFile(absolute, join(copy, path));
    else await symlink(link, join(copy, path));
  }
}

async function middlewaresOf(output: string): Promise<ReadonlySet<string>> {
  try {
    const { routes } = JSON.parse(await readFile(join(output, "config.json"), "utf8")) as {
      routes?: { middlewarePath?: string }[];
    };
    return new Set(routes?.flatMap(({ middlewarePath }) => middlewarePath?.replace(/^\//, "") ?? []));
  } catch {
    return new Set();
  }
}
