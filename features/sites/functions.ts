/**
 * `functions/` of an output: edge functions become code that an isolate can be made from, functions for Node.js become
 * workloads that regions run, prerenders become pages. What this platform can't run is refused by name.
 * Source: Build Output API v3, "Vercel Primitives".
 */
import { workloadKey } from "@cloudify/protocol";
import { z } from "zod";
import type { Base } from "#core/ctx.ts";
import { canonicalJson, sha256 } from "#core/encoding.ts";
import type { Failure } from "#features/deployments/failures.ts";
import type { ManifestFile } from "#features/deployments/manifest.ts";
import { type FunctionEntry, MAX_FUNCTIONS } from "#features/functions/function.ts";
import { compileFunction } from "./function-code.ts";
import { environment, nameInFolder } from "./function-fields.ts";
import { isPinned } from "./function-regions.ts";
import { type Candidate, groupFunctions, type Process } from "./groups.ts";
import type { PlainIndex } from "./index-files.ts";
import { navigationsOf } from "./navigations.ts";
import { isNode, readNodeFunction } from "./node-functions.ts";
import { type Pages, prerendersOf } from "./prerenders.ts";
import { reachableBy } from "./reachable.ts";
import { readJson } from "./read-json.ts";
import type { Prerender } from "./site.ts";
import { configOf, folderOf, isLinkedFunction, type Unit, unitsOf, workloadFiles } from "./units.ts";
import type { Work } from "./work.ts";

/** A function for Node.js names each of its files there. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
const SHOWN = 10;
/**
 * Next.js's page for what is not there: without it the platform says the same. And manifests of its pages at the edge, which
 * `vercel build` takes for pages.
 */
const UNMISSED = /(?:^|\/)(?:_not-found(?:\.rsc)?|react-loadable-manifest)$/;

const functionConfig = z.looseObject({
  runtime: z.string().default("without a runtime"),
  entrypoint: nameInFolder.optional(),
  environment: environment.optional(),
  assets: z.array(z.looseObject({ name: z.string(), path: nameInFolder })).optional(),
  regions: z.union([z.array(z.string()), z.string()]).optional(),
  framework: z.looseObject({ slug: z.unknown() }).optional().catch(undefined),
});
type Config = z.infer<typeof functionConfig>;

const isNextNode = ({ runtime, framework }: Config): boolean =>
  isNode(runtime) && framework?.slug === "nextjs";

interface Made {
  functions: Record<string, FunctionEntry>;
  /** Group → digest of its spec, which is stored. */
  workloads: Record<string, string>;
  /** Group → ids of the regions that it runs in, where that is not wherever the deployment does. */
  pinned: Record<string, string[]>;
  prerenders: Record<string, Prerender>;
  warnings: string[];
}

export type Collected = ({ ok: true } & Made) | { ok: false; failure: Failure };

/** @param index Of its static files. @param dests Of all routes: where they lead. */
export async function collectFunctions(
  base: Base,
  team: string,
  files: readonly ManifestFile[],
  index: PlainIndex,
  dests: readonly string[],
  work: Work,
): Promise<Collected> {
  const units = unitsOf(files);
  const pages = await prerendersOf(base, team, files);
  if (!pages.ok) return pages;
  if (units.size > MAX_FUNCTIONS) {
    const detail = `The output has ${units.size} functions; ${MAX_FUNCTIONS} are allowed.`;
    return refuse("invalid_output", detail, FEWER);
  }
  const functions: Record<string, FunctionEntry> = {};
  const prerenders = { ...pages.prerenders };
  const foreign = strayOf(files, units, pages);
  const warnings: string[] = [];
  const candidates: Candidate[] = [];
  const [unplaced, unpinned, unreached]: [string[], string[], string[]] = [[], [], []];
  const isReachable = reachableBy(dests);
  let isRegional = false;
  const read = await readConfigs(base, team, units);
  if (!read.ok) return read;
  const navigations = navigationsOf(units, pages, index);
  for (const { name, config } of read.units) {
    const page = isNextNode(config) ? navigations.get(name) : undefined;
    if (page) prerenders[name] = page;
  }
  // Rendered for who asks, rather than once for all.
  for (const { name, config } of read.units)
    if (isNode(config.runtime) && pages.onDemand.has(name) && isReachable(name)) delete prerenders[name];
  // Whatever their own pages are: others' go on from there.
  const resumed = new Set(Object.values(prerenders).flatMap(({ resume }) => (resume ? [resume.name] : [])));
  for (const { name, unit, config } of read.units) {
    if (config.runtime === "edge") {
      const made = await compileFunction(base, team, folderOf(name), unit.files, config);
      if (!made.ok) return made;
      functions[name] = { code: made.code };
      warnings.push(...made.warnings);
      if (isPinned(config.regions)) unpinned.push(name);
    } else if (resumed.has(name) || isReachable(name)) {
      // Its page is served, or it would only say that there is none.
      const isNeeded = resumed.has(name) || (!Object.hasOwn(prerenders, name) && !UNMISSED.test(name));
      const isAsked = work.places.own.length > 0 && prerenders[name]?.bypass !== undefined;
      if (isNode(config.runtime)) {
        const node = readNodeFunction(name, folderOf(name), config, workloadFiles(unit.files), work.places);
        if (!node.ok && isNeeded) return node;
        if (node.ok) candidates.push(node.candidate);
        if (node.ok && isNeeded) warnings.push(...node.warnings);
        if (node.ok && node.unknown.length > 0) unplaced.push(`${name} (${node.unknown.join(", ")})`);
        isRegional ||= isNeeded || isAsked;
      } else if (isNeeded) foreign.push(`${name} (${config.runtime})`);
    } else if (!Object.hasOwn(prerenders, name)) unreached.push(name);
    await work.alive();
  }
  if (foreign.length > 0) {
    const detail = `The output needs functions that nothing runs: ${listed(foreign.sort())}.`;
    return refuse("functions_not_yet", detail, FOREIGN_FIX);
  }
  // A site that can be served without a region needs none.
  const stored = await storeWorkloads(base, team, isRegional ? groupFunctions(candidates) : []);
  Object.assign(functions, stored.functions);
  for (const [name, allowQuery] of pages.allowQuery) {
    const entry = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (entry) functions[name] = { ...entry, allowQuery };
  }
  const lost = [...resumed].find((name) => !Object.hasOwn(functions, name));
  if (lost !== undefined)
    return refuse("invalid_output", `A page goes on in ${lost}, which is not a function of the output.`, FIX);
  if (isRegional && unplaced.length > 0) warnings.push(unknownRegions(unplaced));
  if (unpinned.length > 0)
    warnings.push(`their regions have no effect, since they run at the edge: ${listed(unpinned)}`);
  if (unreached.length > 0)
    warnings.push(`functions that no route leads to are not served: ${listed(unreached)}`);
  const stale = Object.entries(prerenders).filter(([, one]) => one.expiration !== false);
  if (stale.length > 0) {
    const named = listed(stale.map(([name]) => name));
    warnings.push(`prerendered pages are served as they were built, and not rendered anew: ${named}`);
  }
  return { ok: true, ...stored, functions, prerenders, warnings };
}

async function storeWorkloads(base: Base, team: string, processes: readonly Process[]) {
  const functions: Record<string, FunctionEntry> = {};
  const workloads: Record<string, string> = {};
  const pinned: Record<string, string[]> = {};
  for (const { spec, regions, durations } of processes) {
    const { group } = spec;
    const text = canonicalJson(spec);
    const digest = await sha256(text);
    await base.blobs.put(workloadKey(team, digest), text);
    workloads[group] = digest;
    if (regions) pinned[group] = [...regions];
    for (const [name, maxDuration] of Object.entries(durations))
      functions[name] = { workload: digest, group, maxDuration };
  }
  return { functions, workloads, pinned };
}

/** @param functions Each with the names in brackets. */
const unknownRegions = (functions: readonly string[]): string =>
  `no region of this team has the name in brackets: ${listed(functions)}. A function runs in the others that it names, ` +
  "and where it names no other wherever the project's settings say. Add a region of that name (`cloudify regions add " +
  "iad` is also Vercel's iad1), or take the name out";

/** What lies in `functions/` and is neither a function nor the page of one: it is named, never ignored. */
function strayOf(
  files: readonly ManifestFile[],
  units: ReadonlyMap<string, Unit>,
  { prerenders, fallbacks }: Extract<Pages, { ok: true }>,
): string[] {
  const names = new Set<string>();
  for (const file of files) {
    const { path } = file;
    if (!path.startsWith("functions/") || path.includes(".func/") || fallbacks.has(path)) continue;
    if (isLinkedFunction(file)) continue;
    const inside = path.slice("functions/".length);
    const name = /^(.+?)\.prerender-/.exec(inside)?.[1];
    if (name === undefined || !(Object.hasOwn(prerenders, name) || units.has(name)))
      names.add(name ?? inside);
  }
  return [...names].sort();
}

interface Described {
  name: string;
  unit: Unit;
  config: Config;
}

/** In the order of their names. */
async function readConfigs(
  base: Base,
  team: string,
  units: ReadonlyMap<string, Unit>,
): Promise<{ ok: true; units: Described[] } | { ok: false; failure: Failure }> {
  const held = new Map<string, Config>();
  const all: Described[] = [];
  for (const [name, unit] of [...units].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const read = await readConfig(base, team, name, unit, held);
    if (!read.ok) return read;
    all.push({ name, unit, config: read.config });
  }
  return { ok: true, units: all };
}

async function readConfig(
  base: Base,
  team: string,
  name: string,
  { config }: Unit,
  /** By digest: linked functions have one. */
  held: Map<string, Config>,
): Promise<{ ok: true; config: Config } | { ok: false; failure: Failure }> {
  if (!config) return refuse("invalid_output", `There is no ${configOf(name)}.`, FIX);
  const known = held.get(config.sha256);
  if (known) return { ok: true, config: known };
  const parsed = await readJson(base, team, config, MAX_CONFIG_BYTES, functionConfig);
  if (!parsed.ok) return refuse("invalid_output", `${configOf(name)}: ${parsed.why}.`, FIX);
  held.set(config.sha256, parsed.value);
  return { ok: true, config: parsed.value };
}

function listed(names: readonly string[]): string {
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : "";
  return `${names.slice(0, SHOWN).join(", ")}${more}`;
}

const FIX =
  "Build the output again with a tool that emits the Build Output API v3, or with `cloudify build`.";
const FEWER = "Join functions: one function can answer many paths.";
const FOREIGN_FIX =
  "Build them for Node.js 18, 20, 22 or 24, let them run at the edge, or export the site as static files.";

const refuse = (code: string, detail: string, fix: string): { ok: false; failure: Failure } => ({
  ok: false,
  failure: { code, detail, fix },
});
