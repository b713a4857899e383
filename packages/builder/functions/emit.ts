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

/** @param output A tree that is there; functions are added to it. @throws BuildProblem */
export async function addFunctions(
  root: string,
  output: string,
  sources: readonly FunctionSource[],
): Promise<BuiltFunctions> {
  refuseTwins(sources);
  const front: SourceRoute[] = [];
  const inputs: string[] = [];
  for (const source of sources) {
    const { runtime, matcher } = await readStaticConfig(join(root, source.file), source.file);
    if (source.kind === "middleware") front.push(...middlewareRoutes(matcher));
    else if (runtime !== "edge" && runtime !== "experimental-edge") throw notYet(source, runtime);
    const bundled = await bundleFunction(root, source);
    await write(join(output, "functions", `${source.name}.func`), bundled);
    inputs.push(...bundled.inputs);
  }
  const names = sources.filter((one) => one.kind === "function").map((one) => one.name);
  await addRoutes(output, front, dynamicRoutes(names));
  return { names: sources.map((one) => one.name), inputs };
}

async function write(folder: string, { files }: BundledFunction): Promise<void> {
  const config = { runtime: "edge", entrypoint: "index.js" };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, ".vc-config.json"), `${JSON.stringify(config)}\n`);
  for (const [name, content] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}

/** The middleware goes before everything; dynamic names after what is there. */
async function addRoutes(output: string, front: SourceRoute[], dynamic: SourceRoute[]): Promise<void> {
  const path = join(output, "config.json");
  const config = JSON.parse(await readFile(path, "utf8")) as { routes?: SourceRoute[] };
  const routes = config.routes ?? [];
  const miss = routes.findIndex((route) => ["miss", "hit", "error"].includes(String(route.handle)));
  const at = miss === -1 ? routes.length : miss;
  const rewrite = dynamic.length > 0 ? [{ handle: "rewrite" }, ...dynamic] : [];
  const all = [...front, ...routes.slice(0, at), ...rewrite, ...routes.slice(at)];
  await writeFile(path, `${JSON.stringify({ ...config, routes: all }, null, 2)}\n`);
}

function refuseTwins(sources: readonly FunctionSource[]): void {
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
