/**
 * `functions/` of an output: edge functions become code that an isolate can be made from, prerenders become pages.
 * What this platform can't run is refused by name. Source: Build Output API v3, "Vercel Primitives".
 */
import { z } from "zod";
import type { Base } from "#core/ctx.ts";
import { contentTypeOf } from "#features/assets/content-type.ts";
import type { Failure } from "#features/deployments/machine.ts";
import type { ManifestFile } from "#features/deployments/manifest.ts";
import { type FunctionEntry, MAX_FUNCTIONS } from "#features/functions/function.ts";
import { compileFunction } from "./function-code.ts";
import { readBlob } from "./lost.ts";
import type { Prerender } from "./site.ts";
import type { Work } from "./work.ts";

const CONFIG = ".vc-config.json";
const MAX_CONFIG_BYTES = 64 * 1024;
const SHOWN = 10;
/** Next.js's page for what is not there: without it the platform says the same. */
const NOT_FOUND = /(?:^|\/)_not-found(?:\.rsc)?$/;

const functionConfig = z.looseObject({
  runtime: z.string().default("without a runtime"),
  entrypoint: z.string().optional(),
  environment: z.record(z.string(), z.string()).optional(),
  assets: z.array(z.looseObject({ name: z.string(), path: z.string() })).optional(),
});

const fallbackFile = z.union([z.string(), z.looseObject({ fsPath: z.string() })]);
const prerenderConfig = z.looseObject({
  expiration: z.union([z.number(), z.literal(false)]).optional(),
  fallback: fallbackFile.nullish(),
  initialStatus: z.number().int().min(200).max(599).nullish(),
  initialHeaders: z.record(z.string(), z.string()).nullish(),
});

export type Collected =
  | {
      ok: true;
      functions: Record<string, FunctionEntry>;
      prerenders: Record<string, Prerender>;
      warnings: string[];
    }
  | { ok: false; failure: Failure };

interface Unit {
  config: ManifestFile | null;
  /** Path inside the folder → file. */
  files: Map<string, ManifestFile>;
}

/** @param dests Of all routes: where they lead. */
export async function collectFunctions(
  base: Base,
  team: string,
  files: readonly ManifestFile[],
  dests: readonly string[],
  work: Work,
): Promise<Collected> {
  const units = unitsOf(files);
  const pages = await prerendersOf(base, team, files);
  if (!pages.ok) return pages;
  if (units.size > MAX_FUNCTIONS) {
    return refuse(
      "invalid_output",
      `The output has ${units.size} functions; ${MAX_FUNCTIONS} are allowed.`,
      FEWER,
    );
  }
  const functions: Record<string, FunctionEntry> = {};
  const foreign = strayOf(files, units, pages);
  const warnings: string[] = [];
  for (const [name, unit] of [...units].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const read = await readConfig(base, team, name, unit);
    if (!read.ok) return read;
    if (read.config.runtime !== "edge") {
      // Its page is served, or it would only say that there is none; what would render it anew can't run yet.
      const isNeeded = !Object.hasOwn(pages.prerenders, name) && !NOT_FOUND.test(name);
      if (isNeeded && isReachable(name, dests)) foreign.push(`${name} (${read.config.runtime})`);
      continue;
    }
    const made = await compileFunction(base, team, `functions/${name}.func`, unit.files, read.config);
    if (!made.ok) return made;
    functions[name] = { code: made.code };
    warnings.push(...made.warnings);
    await work.alive();
  }
  if (foreign.length > 0) {
    const detail = `The output needs functions that nothing runs yet: ${listed(foreign.sort())}.`;
    return refuse("functions_not_yet", detail, NODE_FIX);
  }
  const stale = Object.entries(pages.prerenders).filter(
    ([name, one]) => one.expiration !== false && !functions[name],
  );
  if (stale.length > 0) {
    const named = listed(stale.map(([name]) => name));
    warnings.push(`prerendered pages are served as they were built, and not rendered anew: ${named}`);
  }
  return { ok: true, functions, prerenders: pages.prerenders, warnings };
}

function unitsOf(files: readonly ManifestFile[]): Map<string, Unit> {
  const units = new Map<string, Unit>();
  for (const file of files) {
    const found = /^functions\/(.+?)\.func\/(.+)$/.exec(file.path);
    if (!found) continue;
    const [, name = "", path = ""] = found;
    const unit = units.get(name) ?? { config: null, files: new Map() };
    units.set(name, unit);
    if (path === CONFIG) unit.config = file;
    else unit.files.set(path, file);
  }
  return units;
}

/** What lies in `functions/` and is neither a function nor the page of one: it is named, never ignored. */
function strayOf(
  files: readonly ManifestFile[],
  units: ReadonlyMap<string, Unit>,
  { prerenders, fallbacks }: Extract<Pages, { ok: true }>,
): string[] {
  const names = new Set<string>();
  for (const { path } of files) {
    if (!path.startsWith("functions/") || path.includes(".func/") || fallbacks.has(path)) continue;
    const inside = path.slice("functions/".length);
    const name = /^(.+?)\.prerender-/.exec(inside)?.[1];
    if (name === undefined || !(Object.hasOwn(prerenders, name) || units.has(name)))
      names.add(name ?? inside);
  }
  return [...names].sort();
}

/**
 * Nobody asks for `posts/[id]` by that name: routes lead there, or nothing does. Next.js keeps there the code that
 * prerendered pages share, also when no page besides them is allowed.
 */
function isReachable(name: string, dests: readonly string[]): boolean {
  const dynamic = name.lastIndexOf("]");
  return dynamic < 0 || dests.some((dest) => dest.startsWith(`/${name.slice(0, dynamic + 1)}`));
}

type Config = z.infer<typeof functionConfig>;

async function readConfig(
  base: Base,
  team: string,
  name: string,
  { config }: Unit,
): Promise<{ ok: true; config: Config } | { ok: false; failure: Failure }> {
  const at = `functions/${name}.func/${CONFIG}`;
  if (!config) return refuse("invalid_output", `There is no ${at}.`, FIX);
  const parsed = await parseJson(base, team, config, functionConfig);
  return parsed.ok
    ? { ok: true, config: parsed.value }
    : refuse("invalid_output", `${at}: ${parsed.why}.`, FIX);
}

type Pages =
  | {
      ok: true;
      prerenders: Record<string, Prerender>;
      /** Paths of their files, which may be named as they like. */
      fallbacks: ReadonlySet<string>;
    }
  | { ok: false; failure: Failure };

async function prerendersOf(base: Base, team: string, files: readonly ManifestFile[]): Promise<Pages> {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const prerenders: Record<string, Prerender> = {};
  const fallbacks = new Set<string>();
  for (const file of files) {
    const name = /^functions\/(.+)\.prerender-config\.json$/.exec(file.path)?.[1];
    if (name === undefined) continue;
    const parsed = await parseJson(base, team, file, prerenderConfig);
    if (!parsed.ok) return refuse("invalid_output", `${file.path}: ${parsed.why}.`, FIX);
    const { fallback, expiration = false, initialStatus, initialHeaders } = parsed.value;
    if (!fallback) continue;
    const given = typeof fallback === "string" ? fallback : fallback.fsPath;
    const folder = file.path.slice(0, file.path.lastIndexOf("/") + 1);
    const stored = byPath.get(folder + given) ?? byPath.get(`functions/${given}`);
    if (!stored) return refuse("invalid_output", `${file.path}: its fallback ${given} is not there.`, FIX);
    fallbacks.add(stored.path);
    const headers = Object.entries(initialHeaders ?? {}).map(([key, value]): [string, string] => [
      key.toLowerCase(),
      value,
    ]);
    const own = headers.find(([key]) => key === "content-type")?.[1];
    const type = own ?? contentTypeOf(stored.path);
    prerenders[name] = {
      file: { sha256: stored.sha256, size: stored.size, type },
      status: initialStatus ?? 200,
      headers: headers.filter(([key]) => key !== "content-type"),
      expiration,
    };
  }
  return { ok: true, prerenders, fallbacks };
}

async function parseJson<T>(
  base: Base,
  team: string,
  file: ManifestFile,
  schema: z.ZodType<T>,
): Promise<{ ok: true; value: T } | { ok: false; why: string }> {
  if (file.size > MAX_CONFIG_BYTES) return { ok: false, why: `has ${file.size} bytes` };
  const text = await (await readBlob(base, team, file.sha256)).text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { ok: false, why: `is not JSON (${error instanceof Error ? error.message : String(error)})` };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const [first] = parsed.error.issues;
  return { ok: false, why: `${first?.path.join(".") ?? ""} ${first?.message ?? "is not valid"}`.trim() };
}

function listed(names: readonly string[]): string {
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : "";
  return `${names.slice(0, SHOWN).join(", ")}${more}`;
}

const FIX =
  "Build the output again with a tool that emits the Build Output API v3, or with `cloudify build`.";
const FEWER = "Join functions: one function can answer many paths.";
const NODE_FIX =
  'Let them run at the edge (`export const runtime = "edge"`), or export the site as static files.';

const refuse = (code: string, detail: string, fix: string): { ok: false; failure: Failure } => ({
  ok: false,
  failure: { code, detail, fix },
});
