/** Functions of a project → the output tree: folders, and the routes that lead to them. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BuildProblem } from "../problem.ts";
import { type BundledFunction, bundleFunction } from "./bundle.ts";
import { readStaticConfig } from "./config.ts";
import type { FunctionSource } from "./discover.ts";
import { dynamicRoutes, middlewareRoutes, type SourceRoute } from "./routes.ts";

export interface BuiltFunctions {
  names: string[];
  /** Absolute paths of all that they were made from. */
  inputs: string[];
}

export interface MadeFunction {
  source: FunctionSource;
  /** Of a middleware. */
  matcher: unknown;
  bundled: BundledFunction;
}

/** @param output A tree that is there; functions are added to it. @throws BuildProblem */
export async function addFunctions(
  root: string,
  output: string,
  sources: readonly FunctionSource[],
): Promise<BuiltFunctions> {
  refuseTwins(sources);
  const made: MadeFunction[] = [];
  for (const source of sources) {
    const one = await makeFunction(root, source);
    for (const [path, content] of filesOf(one)) {
      await mkdir(dirname(join(output, path)), { recursive: true });
      await writeFile(join(output, path), content);
    }
    made.push(one);
  }
  const path = join(output, "config.json");
  const config = JSON.parse(await readFile(path, "utf8")) as { routes?: SourceRoute[] };
  const routes = routesWith(config.routes ?? [], made);
  await writeFile(path, `${JSON.stringify({ ...config, routes }, null, 2)}\n`);
  return { names: sources.map((one) => one.name), inputs: made.flatMap((one) => one.bundled.inputs) };
}

/** @throws BuildProblem */
export async function makeFunction(root: string, source: FunctionSource): Promise<MadeFunction> {
  const { runtime, matcher } = await readStaticConfig(join(root, source.file), source.file);
  if (source.kind === "function" && runtime !== "edge" && runtime !== "experimental-edge")
    throw notYet(source, runtime);
  return { source, matcher, bundled: await bundleFunction(root, source) };
}

/** Path in the output → bytes. */
export function filesOf({ source, bundled }: MadeFunction): [string, Uint8Array][] {
  const folder = `functions/${source.name}.func`;
  const config = `${JSON.stringify({ runtime: "edge", entrypoint: "index.js" })}\n`;
  const files = [...bundled.files].map(([name, content]): [string, Uint8Array] => [
    `${folder}/${name}`,
    content,
  ]);
  return [[`${folder}/.vc-config.json`, Buffer.from(config)], ...files];
}

/** The middleware goes before everything; dynamic names after what is there. */
export function routesWith(routes: readonly unknown[], made: readonly MadeFunction[]): unknown[] {
  const front = made.flatMap(({ source, matcher }) =>
    source.kind === "middleware" ? middlewareRoutes(matcher) : [],
  );
  const names = made.filter(({ source }) => source.kind === "function").map(({ source }) => source.name);
  const dynamic = dynamicRoutes(names);
  const handle = (route: unknown): string => String((route as SourceRoute).handle);
  const miss = routes.findIndex((route) => ["miss", "hit", "error"].includes(handle(route)));
  const at = miss === -1 ? routes.length : miss;
  const rewrite = dynamic.length > 0 ? [{ handle: "rewrite" }, ...dynamic] : [];
  return [...front, ...routes.slice(0, at), ...rewrite, ...routes.slice(at)];
}

/** @throws BuildProblem when two of them answer at one address. */
export function refuseTwins(sources: readonly FunctionSource[]): void {
  const seen = new Map<string, string>();
  for (const { name, file } of sources) {
    const twin = seen.get(name);
    if (twin !== undefined)
      throw new BuildProblem(
        "ambiguous_functions",
        `${twin} and ${file} answer at the same address.`,
        "Rename one of them.",
      );
    seen.set(name, file);
  }
}

const notYet = ({ file }: FunctionSource, runtime: string | null): BuildProblem =>
  new BuildProblem(
    "functions_not_yet",
    `${file} is a function for ${runtime ?? "Node.js"}, which nothing runs yet.`,
    'Let it run at the edge: export const config = { runtime: "edge" }.',
  );
