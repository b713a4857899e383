/**
 * The same output again and again while its folder changes: what has not changed is neither read nor bundled again, and
 * nothing is copied. Byte for byte what `runBuild` makes of the same folder. Knows no platform and watches nothing.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Route } from "@vercel/routing-utils";
import { configOf, type OutputConfig, servedFiles } from "../assemble.ts";
import { type BuildOptions, type Made, runCommands } from "../build.ts";
import type { ProjectConfig } from "../config.ts";
import { isDirectory } from "../detect.ts";
import type { FoundFile } from "../files.ts";
import { discover, type FunctionSource } from "../functions/discover.ts";
import { filesOf, type MadeFunction, refuseTwins } from "../functions/emit.ts";
import { routeTable } from "../functions/table.ts";
import { type HashedFile, hashFiles } from "../hash.ts";
import { joinedConfig, sourcesBeside } from "../joined.ts";
import type { Held, MadeFile } from "../traced.ts";
import { readTree } from "../tree.ts";
import { Written } from "../written.ts";
import { Bundles } from "./bundles.ts";
import type { LivePlan } from "./plan.ts";

export interface OutputFile {
  /** Inside the output. */
  path: string;
  sha256: string;
  size: number;
  /** A path, or the bytes themselves. */
  from: string | Uint8Array;
  /** As a manifest has them: see `FoundFile`. */
  isExecutable?: true;
  link?: string;
}

export interface LiveOutput {
  files: OutputFile[];
  /** Functions that had to be bundled for it. */
  bundled: string[];
}

export interface LiveOptions extends Omit<BuildOptions, "output"> {
  /** Absolute paths that have changed since the last call; `null`: anything may have. */
  changed: ReadonlySet<string> | null;
  /** Address of the framework's own server, of a plan that asks one. */
  server: string | null;
}

export class LiveBuilder {
  readonly #bundles: Bundles;
  readonly #digests = new Map<string, HashedFile>();
  readonly #traced: Held = new Map();
  #made: Made | null = null;
  readonly #written = new Written();

  constructor(root: string) {
    this.#bundles = new Bundles(root);
  }

  /** Whether the project's own commands have written a path, rather than somebody who works on it. */
  hasWritten(path: string): boolean {
    return this.#written.has(path);
  }

  /** @throws BuildProblem */
  async build(plan: LivePlan, options: LiveOptions): Promise<LiveOutput> {
    if (plan.kind !== "build") this.#written.forget();
    switch (plan.kind) {
      case "prebuilt":
        return this.#tree(plan.output, plan.root);
      case "static": {
        const sources = await discover(plan.root);
        const own = await servedFiles(plan.folder, plan.config, plan.root, sources);
        return this.#output(own, plan.config, null, sources);
      }
      case "build": {
        const { isTree, folder } = await this.#commands(plan, options);
        if (isTree) return this.#joined(folder, plan);
        const own = await servedFiles(folder, plan.config, null, []);
        const sources = await discover(plan.root, plan.framework);
        return this.#output(own, plan.config, plan.framework?.slug ?? null, sources);
      }
      case "server": {
        const sources = await discover(plan.root, plan.build.framework);
        return this.#inFront(plan.build.config, sources, options.server ?? "");
      }
    }
  }

  /** A project's commands are its own business: they run again unless only functions have changed. */
  async #commands(plan: LivePlan & { kind: "build" }, options: LiveOptions): Promise<Made> {
    const { changed } = options;
    const isOfFunctions = (path: string): boolean =>
      path.startsWith(join(plan.root, "api/")) || /\/middleware\.[mc]?[jt]s$/.test(path);
    if (this.#made && changed && [...changed].every(isOfFunctions)) return this.#made;
    this.#made = null;
    const isInstalled = await isDirectory(join(plan.root, "node_modules"));
    const install = isInstalled ? null : plan.install;
    this.#made = await runCommands(plan, options, install, this.#written);
    return this.#made;
  }

  async #tree(output: string, root: string): Promise<LiveOutput> {
    const { found, made } = await readTree(output, root, this.#traced);
    return { files: [...(await this.#hashed(found, "")), ...made.map(outputFile)], bundled: [] };
  }

  async #joined(tree: string, plan: LivePlan & { kind: "build" }): Promise<LiveOutput> {
    const { files } = await this.#tree(tree, plan.root);
    const sources = await sourcesBeside(tree, plan);
    if (sources === null) return { files, bundled: [] };
    refuseTwins(sources);
    const { made, bundled } = await this.#bundles.make(sources);
    const config = await joinedConfig(tree, plan, made);
    if (config === null) return { files, bundled };
    const others = files.filter(({ path }) => path !== "config.json");
    return { files: [...others, ...generated(config, made)], bundled };
  }

  async #output(
    own: readonly FoundFile[],
    config: ProjectConfig,
    framework: string | null,
    sources: readonly FunctionSource[],
  ): Promise<LiveOutput> {
    refuseTwins(sources);
    const { made, bundled } = await this.#bundles.make(sources);
    const files = [
      ...(await this.#hashed(own, "static/")),
      ...generated(configOf(own, config, framework, made), made),
    ];
    return { files, bundled };
  }

  /** Functions, middleware and routes; everything else is the server's. */
  async #inFront(
    config: ProjectConfig,
    sources: readonly FunctionSource[],
    server: string,
  ): Promise<LiveOutput> {
    refuseTwins(sources);
    const { made, bundled } = await this.#bundles.make(sources);
    // Last of all: what a function or a rewrite answers is not the server's.
    const rest: Route[] = [{ handle: "resource" }, { src: "^/(.*)$", dest: `${server}/$1` }];
    // There sources have addresses of their own.
    const routes = routeTable({ ...config, cleanUrls: null }, rest, made);
    const whole: OutputConfig = { version: 3, routes, cloudify: { directoryRedirect: false } };
    return { files: generated(whole, made), bundled };
  }

  async #hashed(found: readonly FoundFile[], prefix: string): Promise<OutputFile[]> {
    const known = (file: FoundFile): HashedFile | undefined => {
      const held = this.#digests.get(file.absolute);
      return held?.size === file.size && held.changedAt === file.changedAt ? held : undefined;
    };
    const unknown = found.filter((file) => known(file) === undefined);
    for (const file of await hashFiles(unknown, () => undefined)) this.#digests.set(file.absolute, file);
    return found.map((file) => {
      const { absolute, changedAt: _, link, ...about } = file;
      const own = { ...about, path: prefix + file.path, sha256: known(file)?.sha256 ?? "" };
      return link === undefined ? { ...own, from: absolute } : { ...own, from: Buffer.from(link), link };
    });
  }
}

function generated(config: object, made: readonly MadeFunction[]): OutputFile[] {
  const text = `${JSON.stringify(config, null, 2)}\n`;
  const all: MadeFile[] = [["config.json", Buffer.from(text)], ...made.flatMap(filesOf)];
  return all.map(outputFile);
}

function outputFile([path, from]: MadeFile): OutputFile {
  const sha256 = createHash("sha256").update(from).digest("hex");
  return { path, sha256, size: from.length, from };
}
