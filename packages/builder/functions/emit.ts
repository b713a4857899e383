/** Functions of a project → the folders of an output tree. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BuildProblem } from "../problem.ts";
import { type BundledFunction, bundleFunction } from "./bundle.ts";
import { readStaticConfig } from "./config.ts";
import type { FunctionSource } from "./discover.ts";

export interface MadeFunction {
  source: FunctionSource;
  /** Of a middleware. */
  matcher: unknown;
  bundled: BundledFunction;
}

/** @throws BuildProblem */
export async function makeFunctions(
  root: string,
  sources: readonly FunctionSource[],
): Promise<MadeFunction[]> {
  refuseTwins(sources);
  const made: MadeFunction[] = [];
  for (const source of sources) made.push(await makeFunction(root, source));
  return made;
}

/** @param output A tree that is there; functions are added to it. */
export async function writeFunctions(output: string, made: readonly MadeFunction[]): Promise<void> {
  for (const [path, content] of made.flatMap(filesOf)) {
    await mkdir(dirname(join(output, path)), { recursive: true });
    await writeFile(join(output, path), content);
  }
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
