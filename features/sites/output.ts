/**
 * What a Build Output API v3 tree says of itself (`config.json`), checked. What this platform can't serve yet is refused
 * by name, so that no ready deployment answers 404 for what its author built.
 *
 * Source: Vercel's Build Output API v3, "Configuration"; `cloudify` is our own addition.
 */
import { z } from "zod";
import type { Failure } from "#features/deployments/machine.ts";
import { compileRoutes } from "#features/routing/compile.ts";
import type { RouteTable } from "#features/routing/table.ts";

export const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
const SHOWN = 10;

const schema = z.looseObject({
  version: z.literal(3),
  routes: z.unknown().optional(),
  wildcard: z.unknown().optional(),
  overrides: z
    .record(
      z.string(),
      z.strictObject({
        path: z.string().optional(),
        contentType: z.string().max(256).optional(),
        mode: z.unknown().optional(),
      }),
    )
    .optional(),
  crons: z.array(z.unknown()).optional(),
  images: z.unknown().optional(),
  cloudify: z.strictObject({ directoryRedirect: z.boolean().optional() }).optional(),
});

/** Of use to Vercel's own tools only. */
const HARMLESS = new Set(["framework", "flags", "deploymentId", "cache", "variants"]);
const KNOWN = new Set([...Object.keys(schema.shape), ...HARMLESS]);

export interface OutputConfig {
  routes: RouteTable;
  overrides: Record<string, { path?: string | undefined; contentType?: string | undefined }>;
  directoryRedirect: boolean;
  warnings: string[];
}

export type Parsed = { ok: true; config: OutputConfig } | { ok: false; failure: Failure };

/** @param paths Of the whole tree. */
export function parseOutput(text: string, paths: readonly string[]): Parsed {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return refuse(
      "invalid_output",
      `config.json is not JSON: ${error instanceof Error ? error.message : error}.`,
      FIX,
    );
  }
  const version = json !== null && typeof json === "object" && "version" in json ? json.version : undefined;
  if (version !== 3) {
    const said = version === undefined ? "has no version" : `is of version ${JSON.stringify(version)}`;
    return refuse("invalid_output", `config.json ${said}; only version 3 is understood.`, FIX);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const [first] = parsed.error.issues;
    return refuse("invalid_output", `config.json: ${first?.path.join(".")}: ${first?.message}.`, FIX);
  }
  const { routes, wildcard, overrides, crons, images, cloudify } = parsed.data;
  const compiled = compileRoutes({ routes, wildcard });
  if (!compiled.ok) {
    const [first] = compiled.issues;
    const more = compiled.issues.length > 1 ? ` (and ${compiled.issues.length - 1} more)` : "";
    return refuse(
      first?.code ?? "invalid_output",
      `config.json: ${first?.path}: ${first?.message}${more}.`,
      first?.fix ?? FIX,
    );
  }
  const functions = functionsIn(paths, compiled.table);
  if (functions.length > 0) {
    const shown = functions.slice(0, SHOWN).join(", ");
    const more = functions.length > SHOWN ? ` and ${functions.length - SHOWN} more` : "";
    return refuse("functions_not_yet", `The output needs functions: ${shown}${more}.`, FUNCTIONS_FIX);
  }
  if (crons && crons.length > 0) {
    return refuse(
      "not_yet",
      "config.json has crons, which nothing runs yet.",
      "Take `crons` out of the configuration.",
    );
  }
  const unknown = Object.keys(parsed.data).filter((key) => !KNOWN.has(key));
  const warnings = unknown.map((key) => `config.json: ${key} is not known here and has no effect`);
  if (images !== undefined) warnings.push("config.json: images are not optimised yet; image URLs answer 404");
  return {
    ok: true,
    config: {
      routes: compiled.table,
      overrides: overrides ?? {},
      directoryRedirect: cloudify?.directoryRedirect ?? false,
      warnings,
    },
  };
}

/** Everything that would have to be run: functions, prerenders (which regenerate), middleware. */
function functionsIn(paths: readonly string[], table: RouteTable): string[] {
  const functions = new Set<string>();
  for (const path of paths) {
    const name = /^functions\/(.+?)\.(?:func(?:\/|$)|prerender-config\.json$)/.exec(path)?.[1];
    if (name !== undefined) functions.add(name);
  }
  for (const route of Object.values(table.phases).flat()) {
    if (route.middlewarePath !== undefined) functions.add(`${route.middlewarePath} (middleware)`);
  }
  return [...functions].sort();
}

const FIX =
  "Build the output again with a tool that emits the Build Output API v3, or with `cloudify build`.";
const FUNCTIONS_FIX =
  'Export the site as static files (for Next.js `output: "export"`); functions come with a later version.';

const refuse = (code: string, detail: string, fix: string): Parsed => ({
  ok: false,
  failure: { code, detail, fix },
});
