/**
 * What a Build Output API v3 tree says of itself (`config.json`), checked. What this platform can't serve yet is refused
 * by name, so that no ready deployment answers 404 for what its author built. docs/deploy-contract.md is its page.
 *
 * Source: Vercel's Build Output API v3, "Configuration"; `cloudify` is our own addition.
 */
import { z } from "zod";
import type { Failure } from "#features/deployments/failures.ts";
import { compileRoutes } from "#features/routing/compile.ts";
import type { RouteTable } from "#features/routing/table.ts";

export const MAX_CONFIG_BYTES = 1024 * 1024;
const SHOWN = 10;

/** A media type with parameters (RFC 9110, 8.3.1), and nothing that would split a header. */
const contentType = z
  .string()
  .max(256)
  .regex(
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:\s*;[\t\x20-\x7e]*)?$/,
    "is not a media type",
  );

const schema = z.looseObject({
  version: z.literal(3),
  routes: z.unknown().optional(),
  wildcard: z.unknown().optional(),
  overrides: z
    .record(
      z.string(),
      z.strictObject({
        path: z.string().optional(),
        contentType: contentType.optional(),
        mode: z.unknown().optional(),
      }),
    )
    .optional(),
  crons: z.array(z.unknown()).nullish(),
  images: z.unknown().optional(),
  cloudify: z.strictObject({ directoryRedirect: z.boolean().optional() }).optional(),
});

/** Of use to Vercel's own tools only. */
const HARMLESS = ["framework", "flags", "deploymentId", "cache"];
const KNOWN = new Set([...Object.keys(schema.shape), ...HARMLESS]);
/** Files beside `static/` that builders leave for their own tools. */
const OWN_FILES = /^(?:config\.json$|builds\.json$|flags\.json$|diagnostics\/|static\/|functions\/)/;

export interface OutputConfig {
  routes: RouteTable;
  /** File below `static/` → how it is served. */
  overrides: ReadonlyMap<string, { path?: string | undefined; contentType?: string | undefined }>;
  directoryRedirect: boolean;
  warnings: string[];
}

export type Parsed = { ok: true; config: OutputConfig } | { ok: false; failure: Failure };

/** @param paths Of the whole tree. */
export function parseOutput(text: string, paths: readonly string[]): Parsed {
  const json = parseJson(text);
  if (!json.ok) return refuse("invalid_output", `config.json is not JSON: ${json.why}.`, FIX);
  const version = isRecord(json.value) ? json.value.version : undefined;
  if (version !== 3) {
    const said = version === undefined ? "has no version" : `is of version ${JSON.stringify(version)}`;
    return refuse("invalid_output", `config.json ${said}; only version 3 is understood.`, FIX);
  }
  const parsed = schema.safeParse(json.value);
  if (!parsed.success) {
    const [first] = parsed.error.issues;
    const at = first?.path.join(".") ?? "";
    return refuse("invalid_output", `config.json: ${at}: ${first?.message}.`, FIX);
  }
  const { routes, wildcard, overrides = {}, crons, images, cloudify } = parsed.data;
  if (crons && crons.length > 0) {
    const named = crons.map((one) => (isRecord(one) ? String(one.path) : String(one)));
    const detail = `config.json has crons, which nothing runs yet: ${listed(named)}.`;
    return refuse("not_yet", detail, "Take `crons` out of the configuration.");
  }
  const compiled = compileRoutes({ routes, wildcard });
  if (!compiled.ok) {
    const [first] = compiled.issues;
    const more = compiled.issues.length > 1 ? ` (and ${compiled.issues.length - 1} more)` : "";
    const detail = `config.json: ${first?.path}: ${first?.message}${more}.`;
    return refuse(first?.code ?? "invalid_output", detail, first?.fix ?? FIX);
  }
  const config = {
    routes: compiled.table,
    overrides: new Map(Object.entries(overrides)),
    directoryRedirect: cloudify?.directoryRedirect ?? false,
    warnings: warningsOf(Object.keys(parsed.data), images, paths),
  };
  return { ok: true, config };
}

/** What is accepted without effect is said, in the deployment's log. */
function warningsOf(keys: readonly string[], images: unknown, paths: readonly string[]): string[] {
  const unknown = keys.filter((key) => !KNOWN.has(key));
  const warnings = unknown.map((key) => `config.json: ${key} is not known here and has no effect`);
  if (images !== undefined && images !== null) {
    warnings.push(
      "config.json: images are not optimised yet: /_vercel/image and /_next/image answer 404; plain image files are served",
    );
  }
  const outside = paths.filter((path) => !OWN_FILES.test(path));
  if (outside.length > 0) {
    warnings.push(`not served, since they are neither in static/ nor in functions/: ${listed(outside)}`);
  }
  return warnings;
}

function parseJson(text: string): { ok: true; value: unknown } | { ok: false; why: string } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === "object";

function listed(names: readonly string[]): string {
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : "";
  return `${names.slice(0, SHOWN).join(", ")}${more}`;
}

const FIX =
  "Build the output again with a tool that emits the Build Output API v3, or with `cloudify build`.";

const refuse = (code: string, detail: string, fix: string): Parsed => ({
  ok: false,
  failure: { code, detail, fix },
});
