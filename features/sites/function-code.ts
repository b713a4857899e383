/**
 * The folder of one edge function → the code that isolates are made from, and its source maps beside it. What could only
 * fail when it is called is refused here: an entry that is not there, a syntax error, an import that leads nowhere.
 */
import type { Base } from "#core/ctx.ts";
import { base64, sha256 } from "#core/encoding.ts";
import type { Failure } from "#features/deployments/failures.ts";
import type { ManifestFile } from "#features/deployments/manifest.ts";
import {
  type CodeModule,
  type FunctionCode,
  functionKey,
  MAX_SCRIPT_BYTES,
  mapsKey,
  RESERVED_MODULES,
} from "#features/functions/function.ts";
import {
  linkedMap,
  MAX_MAP_COST,
  type StoredMaps,
  slimMap,
  withoutInlineMap,
} from "#features/functions/maps.ts";
import { adaptModules } from "./adapted.ts";
import { readBlob } from "./lost.ts";
import { checkModules } from "./modules.ts";

/** Of a map as it was uploaded: with the sources in it, which are not kept. */
const MAX_MAP_FILE_BYTES = 16 * 1024 * 1024;

export interface FunctionSettings {
  entrypoint?: string | undefined;
  assets?: { name: string; path: string }[] | undefined;
  environment?: Record<string, string> | undefined;
}

type Made = { ok: true; code: string; warnings: string[] } | { ok: false; failure: Failure };

/** @param at Its folder, as messages name it. @param files Path inside the folder → file. */
export async function compileFunction(
  base: Base,
  team: string,
  at: string,
  files: ReadonlyMap<string, ManifestFile>,
  { entrypoint, assets = [], environment = {} }: FunctionSettings,
): Promise<Made> {
  if (entrypoint === undefined || !files.has(entrypoint)) {
    const detail = `${at}: its entrypoint ${entrypoint ?? "is not named and"} is not there.`;
    return refuse("invalid_output", detail, BUILD_AGAIN);
  }
  const link = [...files].find(([, file]) => file.link !== undefined);
  if (link)
    return refuse("invalid_output", `${at}: ${link[0]} is a link.`, "Let the build copy the file instead.");
  const kept = [...files].filter(([path]) => !path.endsWith(".map"));
  const reserved = kept.find(([path]) => path.startsWith(RESERVED_MODULES));
  if (reserved)
    return refuse("invalid_output", `${at}: ${reserved[0]} is a name of the platform's.`, "Rename it.");
  const listed = new Map(assets.map(({ name, path }) => [name, path]));
  const lost = [...listed.values()].find((path) => !files.has(path));
  if (lost !== undefined)
    return refuse("invalid_output", `${at}: its asset ${lost} is not there.`, BUILD_AGAIN);
  const copied = [...new Set(listed.values())].filter((path) => !isData(path));
  const bytes = [...kept.map(([path]) => path), ...copied].reduce(
    (sum, path) => sum + (files.get(path)?.size ?? 0),
    0,
  );
  if (bytes > MAX_SCRIPT_BYTES) {
    const detail = `${at} has ${bytes} bytes; a function may have ${MAX_SCRIPT_BYTES}.`;
    return refuse("function_too_large", detail, "Leave out dependencies that it does not need, or split it.");
  }
  const given: FunctionCode["modules"] = {};
  for (const [path, file] of kept.sort(([a], [b]) => (a < b ? -1 : 1))) {
    given[path] = await moduleOf(base, team, path, file);
  }
  const main = given[entrypoint];
  if (!main || !("js" in main || "cjs" in main)) {
    const detail = `${at}: its entrypoint ${entrypoint} is no JavaScript.`;
    return refuse("invalid_output", detail, "Bundle it into a .js, .mjs or .cjs, or deploy it with the CLI.");
  }
  const modules = adaptModules(given);
  const checked = checkModules(modules, entrypoint);
  if (!checked.ok) return refuse(checked.code, `${at}/${checked.detail}`, checked.fix);
  const { maps, warnings } = await mapsOf(base, team, at, files, modules);
  for (const path of copied) {
    const object = await readBlob(base, team, files.get(path)?.sha256 ?? "");
    modules[assetName(path)] = { data: base64(new Uint8Array(await object.arrayBuffer())) };
  }
  const code: FunctionCode = {
    v: 1,
    main: entrypoint,
    modules,
    assets: Object.fromEntries([...listed].map(([name, path]) => [name, assetName(path)])),
    environment,
  };
  // As it stands: the keys of a JSON module are in an order that its function may go through.
  const text = JSON.stringify(code);
  const digest = await sha256(text);
  const stored: StoredMaps = { v: 1, maps };
  if (Object.keys(maps).length > 0) await base.blobs.put(mapsKey(team, digest), JSON.stringify(stored));
  await base.blobs.put(functionKey(team, digest), text);
  return {
    ok: true,
    code: digest,
    warnings: [...checked.warnings.map((warning) => `${at}/${warning}`), ...warnings],
  };
}

const TEXT = /\.(?:txt|html?|md|css|svg|sql|graphql|xml|ya?ml)$/;

async function moduleOf(base: Base, team: string, path: string, file: ManifestFile): Promise<CodeModule> {
  const object = await readBlob(base, team, file.sha256);
  if (/\.m?js$/.test(path)) return { js: await object.text() };
  if (path.endsWith(".cjs")) return { cjs: await object.text() };
  if (TEXT.test(path)) return { text: await object.text() };
  const bytes = new Uint8Array(await object.arrayBuffer());
  if (path.endsWith(".json")) {
    try {
      return { json: JSON.parse(new TextDecoder().decode(bytes)) as unknown };
    } catch {
      // Then it is read as bytes, by whoever knows what it is.
    }
  }
  return path.endsWith(".wasm") ? { wasm: base64(bytes) } : { data: base64(bytes) };
}

/** Whether its module is its bytes. What is not parsed as JSON after all is copied, which costs nothing but space. */
const isData = (path: string): boolean => !/\.(?:m?js|cjs|json|wasm|map)$/.test(path) && !TEXT.test(path);

/** Name of the module that holds an asset's bytes: one of its own where the file's module is something else. */
const assetName = (path: string): string => (isData(path) ? path : `${RESERVED_MODULES}assets/${path}`);

/** Takes maps out of the modules that hold them, and reads those that lie beside. */
async function mapsOf(
  base: Base,
  team: string,
  at: string,
  files: ReadonlyMap<string, ManifestFile>,
  modules: FunctionCode["modules"],
): Promise<{ maps: Record<string, string>; warnings: string[] }> {
  const maps: Record<string, string> = {};
  const warnings: string[] = [];
  let cost = 0;
  for (const [path, module] of Object.entries(modules)) {
    const text = "js" in module ? module.js : "cjs" in module ? module.cjs : null;
    if (text === null) continue;
    const link = linkedMap(text);
    const inline = link && "inline" in link ? link.inline : null;
    if (inline !== null) {
      const rest = withoutInlineMap(text);
      modules[path] = "js" in module ? { js: rest } : { cjs: rest };
    }
    const file = link && "path" in link ? files.get(beside(path, link.path)) : files.get(`${path}.map`);
    if (inline === null && !file) continue;
    const isTooLarge = inline === null && (file?.size ?? 0) > MAX_MAP_FILE_BYTES;
    const given =
      inline ?? (file && !isTooLarge ? await (await readBlob(base, team, file.sha256)).text() : "");
    const slim = slimMap(given);
    if (slim !== null && cost + slim.cost <= MAX_MAP_COST) {
      cost += slim.cost;
      maps[path] = slim.json;
    } else
      warnings.push(
        `${at}/${path}: stacks name the bundle, since its source map ${whyNot(slim !== null, isTooLarge)}`,
      );
  }
  return { maps, warnings };
}

const whyNot = (isMap: boolean, isTooLarge: boolean): string =>
  isTooLarge || isMap
    ? `is too large (at most ${MAX_MAP_COST} characters without sources, and less when it has many lines)`
    : "can't be read";

function beside(path: string, link: string): string {
  try {
    return decodeURIComponent(new URL(link, `file:///${path}`).pathname.slice(1));
  } catch {
    return "";
  }
}

const BUILD_AGAIN =
  "Build the output again with a tool that emits the Build Output API v3, or with `cloudify build`.";

const refuse = (code: string, detail: string, fix: string): { ok: false; failure: Failure } => ({
  ok: false,
  failure: { code, detail, fix },
});
