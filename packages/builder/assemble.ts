/**
 * Turns a folder of files into a Build Output API v3 tree. Files keep their own address; a page is found without its
 * `.html` too; `404.html` is the error page.
 */
import { cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isHandler, type Route } from "@vercel/routing-utils";
import type { ProjectConfig } from "./config.ts";
import { replaceTree } from "./draft.ts";
import { collectFiles, type FoundFile } from "./files.ts";
import type { FunctionSource } from "./functions/discover.ts";
import { type MadeFunction, writeFunctions } from "./functions/emit.ts";
import { middlewareRoutes } from "./functions/routes.ts";
import { isFunction, routeTable } from "./functions/table.ts";
import { BuildProblem } from "./problem.ts";

export interface OutputConfig {
  version: 3;
  routes: Route[];
  overrides?: Record<string, { path: string }>;
  framework?: { slug: string };
  /** Our own addition: a directory's address gets its slash, so that relative links work. */
  cloudify: { directoryRedirect: boolean };
}

export interface Assembled {
  /** Where the tree lies. */
  output: string;
  files: number;
}

/**
 * @param folder What is served. @param output Where the tree goes; what is there is replaced.
 * @param root The project's folder, where its sources are what is served; `null`: a build has made `folder`.
 */
export async function assembleOutput(
  folder: string,
  output: string,
  config: ProjectConfig,
  framework: string | null,
  root: string | null,
  made: readonly MadeFunction[],
): Promise<Assembled> {
  const sources = made.map((one) => one.source);
  const own = await servedFiles(folder, config, root, sources);
  await replaceTree(output, async (draft) => {
    await mkdir(join(draft, "static"));
    const folders = new Set(own.map((file) => dirname(join(draft, "static", file.path))));
    for (const one of folders) await mkdir(one, { recursive: true });
    for (const file of own)
      await cp(file.absolute, join(draft, "static", file.path), { preserveTimestamps: true });
    await writeFunctions(draft, made);
    const text = JSON.stringify(configOf(own, config, framework, made), null, 2);
    await writeFile(join(draft, "config.json"), `${text}\n`);
  });
  return { output, files: own.length };
}

/**
 * The files of a folder that are served: not the sources of functions, nor the configuration.
 *
 * @param root As `assembleOutput` has it. @throws BuildProblem when there is nothing.
 */
export async function servedFiles(
  folder: string,
  config: ProjectConfig,
  root: string | null,
  functions: readonly FunctionSource[],
): Promise<FoundFile[]> {
  const found = await collectFiles(folder, root !== null);
  if (found.length === 0 && functions.length === 0) {
    throw new BuildProblem(
      "nothing_to_deploy",
      `There are no files in ${folder}.`,
      "Check the folder, or the output directory.",
    );
  }
  // A folder of its own (`public`) holds what visitors are to see, whatever it is called.
  if (root === null || resolve(folder) !== resolve(root)) return found;
  const sources = new Set(functions.map((one) => one.file));
  const isServed = ({ path }: FoundFile): boolean =>
    path !== config.file && (functions.length === 0 || !(sources.has(path) || NEVER_SERVED.test(path)));
  return found.filter(isServed);
}

/**
 * Beside functions: what they are made from, keys and data that stand with them too, and what only tools read. As
 * `VERCEL_PLATFORM_FILES` of @vercel/fs-detectors.
 */
const NEVER_SERVED =
  /^(?:api\/.*|middleware\.[mc]?[jt]s|package(?:-lock)?\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?|tsconfig\.json|\.gitignore|README\.md)$/s;

/** @throws BuildProblem when two functions answer at the same addresses. */
export function configOf(
  files: readonly FoundFile[],
  config: ProjectConfig,
  framework: string | null,
  made: readonly MadeFunction[],
): OutputConfig {
  const paths = new Set(files.map((file) => file.path));
  const pages = [...paths].filter((path) => path.endsWith(".html"));
  const overrides = Object.fromEntries(pages.map((path) => [path, { path: path.slice(0, -".html".length) }]));
  const isPlain = config.cleanUrls === null && config.trailingSlash === null;
  const built: Route[] = [
    ...(isPlain ? PAGES : []),
    ...(paths.has("404.html")
      ? errorPage(config.cleanUrls === true, made.map((one) => one.source).some(isFunction))
      : []),
  ];
  const kept = isPlain ? namedOnce(pages, made) : [];
  return {
    version: 3,
    routes: routeTable(config, built, made).flatMap((one) =>
      isHandler(one) && one.handle === "miss" ? [one, ...kept] : [one],
    ),
    ...(config.cleanUrls ? { overrides } : {}),
    ...(framework === null ? {} : { framework: { slug: framework } }),
    cloudify: { directoryRedirect: isPlain },
  };
}

/** A page is found without its ending. */
const PAGES: Route[] = [{ handle: "miss" }, { src: "^/((?:.*/)?[^/.]+)$", dest: "/$1.html", check: true }];

/** But for one that a middleware guards by the name of its file alone: under the other it would not be asked. These routes end the phase. */
function namedOnce(pages: readonly string[], made: readonly MadeFunction[]): Route[] {
  const guards = made
    .flatMap(({ source, matcher }) => (source.kind === "middleware" ? middlewareRoutes(matcher) : []))
    .map(({ src, has, missing }) => ({ src: new RegExp(src, "i"), isAlways: !has && !missing }));
  const bare = pages.map((path) => pathnameOf(path.slice(0, -".html".length)));
  const open = bare.filter((path) => !guards.some(({ src, isAlways }) => isAlways && src.test(path)));
  const isPassed = (path: string) => guards.some(({ src }) => src.test(`${path}.html`) && !src.test(path));
  return open.filter(isPassed).map((path) => ({ src: `^${path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$` }));
}

/** As requests have it. */
const pathnameOf = (path: string): string =>
  new URL(`http://site.internal/${path.replace(/[%?#]/g, encodeURIComponent)}`).pathname;

/** As on Vercel it is for pages: whoever calls an API gets the bare status. */
const errorPage = (isClean: boolean, hasFunctions: boolean): Route[] => [
  { handle: "error" },
  { src: hasFunctions ? "^(?!/api).*$" : "^/.*$", status: 404, dest: isClean ? "/404" : "/404.html" },
];
