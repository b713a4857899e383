/** Pages that were rendered when the output was built. Source: Build Output API v3, "Prerender Functions". */
import { z } from "zod";
import type { Base } from "#core/ctx.ts";
import { contentTypeOf } from "#features/assets/content-type.ts";
import type { Failure } from "#features/deployments/failures.ts";
import type { ManifestFile } from "#features/deployments/manifest.ts";
import { compileHas } from "#features/routing/compile.ts";
import type { Condition } from "#features/routing/table.ts";
import { readJson } from "./read-json.ts";
import type { Prerender } from "./site.ts";

const MAX_CONFIG_BYTES = 64 * 1024;

const fallbackFile = z.union([
  z.string(),
  z.looseObject({ fsPath: z.string(), contentType: z.string().optional() }),
]);
const prerenderConfig = z.looseObject({
  expiration: z.union([z.number(), z.literal(false)]).optional(),
  allowQuery: z.array(z.string()).nullish(),
  fallback: fallbackFile.nullish(),
  initialStatus: z.number().int().min(200).max(599).nullish(),
  initialHeaders: z.record(z.string(), z.union([z.string(), z.array(z.string())])).nullish(),
  chain: z.looseObject({ outputPath: z.string(), headers: z.record(z.string(), z.string()) }).nullish(),
  bypassToken: z.string().nullish(),
  experimentalBypassFor: z.unknown().optional(),
});

/** The page's real type, and how much of the file is not for the visitor. */
const PARTIAL = /^application\/x-nextjs-pre-render *; *state-length=(\d+) *; *origin="([^"]+)"$/;
/** Next.js names its parameters so, and finds them in the query by itself. */
const OF_NEXT = /^nxt[PI]/;
/** Of Next.js's draft mode. */
const BYPASS_COOKIE = "__prerender_bypass";
/** How Next.js's builder names the file of an answer that a route handler gave. */
const OF_HANDLER = /\.body$/;
/** Said to whoever keeps pages, not to visitors. */
const UNSAID: readonly string[] = ["content-type", "x-next-cache-tags"];

export type Pages =
  | {
      ok: true;
      prerenders: Record<string, Prerender>;
      /** Of these, the ones that stand for many pages, each to be rendered when it is first asked for. */
      onDemand: ReadonlySet<string>;
      /** Of these, the answers of route handlers rather than pages. */
      handlers: ReadonlySet<string>;
      /** Paths of their files, which may be named as they like. */
      fallbacks: ReadonlySet<string>;
      /** Output's name → parameters that tell which page of many is asked for. */
      allowQuery: ReadonlyMap<string, string[]>;
    }
  | { ok: false; failure: Failure };

export async function prerendersOf(base: Base, team: string, files: readonly ManifestFile[]): Promise<Pages> {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const prerenders: Record<string, Prerender> = {};
  const fallbacks = new Set<string>();
  const onDemand = new Set<string>();
  const handlers = new Set<string>();
  const told = new Map<string, string[]>();
  for (const file of files) {
    const name = /^functions\/(.+)\.prerender-config\.json$/.exec(file.path)?.[1];
    if (name === undefined) continue;
    const parsed = await readJson(base, team, file, MAX_CONFIG_BYTES, prerenderConfig);
    if (!parsed.ok) return refuse(`${file.path}: ${parsed.why}.`);
    const { fallback, expiration = false, allowQuery, initialStatus, initialHeaders } = parsed.value;
    if (allowQuery?.length && !allowQuery.some((one) => OF_NEXT.test(one))) told.set(name, allowQuery);
    if (!fallback) continue;
    const around = bypassOf(parsed.value, file.path);
    if (!around.ok) return refuse(around.detail);
    // Next.js names a page of many by its parameters, in brackets.
    const isMany = allowQuery ? allowQuery.length > 0 : name.includes("[");
    if (expiration !== false && isMany) onDemand.add(name);
    const { fsPath: given, contentType } = typeof fallback === "string" ? { fsPath: fallback } : fallback;
    const folder = file.path.slice(0, file.path.lastIndexOf("/") + 1);
    const stored = byPath.get(folder + given) ?? byPath.get(`functions/${given}`);
    if (!stored) return refuse(`${file.path}: its fallback ${given} is not there.`);
    fallbacks.add(stored.path);
    if (OF_HANDLER.test(stored.path)) handlers.add(name);
    const headers = Object.entries(initialHeaders ?? {}).flatMap(([key, value]) =>
      fieldsOf(key.toLowerCase(), value),
    );
    const own = headers.find(([key]) => key === "content-type")?.[1];
    const [, stateBytes, origin] = PARTIAL.exec(own ?? "") ?? [];
    const { chain } = parsed.value;
    const isPartial = origin !== undefined && chain != null;
    prerenders[name] = {
      file: {
        sha256: stored.sha256,
        size: stored.size,
        type: origin ?? own ?? contentType ?? contentTypeOf(stored.path),
      },
      status: initialStatus ?? 200,
      headers: headers.filter(([key]) => !UNSAID.includes(key)),
      expiration,
      ...(isPartial
        ? {
            resume: {
              name: chain.outputPath.replace(/^\//, ""),
              headers: Object.entries(chain.headers),
              stateBytes: Math.min(Number(stateBytes), stored.size),
            },
          }
        : {}),
      ...(around.bypass.length > 0 ? { bypass: around.bypass } : {}),
    };
  }
  return { ok: true, prerenders, onDemand, handlers, fallbacks, allowQuery: told };
}

/** Cookies are fields of their own, and `vercel build` puts them into one; of a date a comma is a part. */
const fieldsOf = (name: string, value: string | string[]): [string, string][] => {
  if (name !== "set-cookie") return [[name, [value].flat().join(", ")]];
  const cookies = [value].flat().flatMap((one) => one.split(/,\s*(?=[^\s;,=]+=)/));
  return cookies.map((cookie) => [name, cookie]);
};

function bypassOf(
  { bypassToken, experimentalBypassFor }: z.infer<typeof prerenderConfig>,
  at: string,
): { ok: true; bypass: Condition[] } | { ok: false; detail: string } {
  const draft: Condition[] = bypassToken
    ? [{ type: "cookie", key: BYPASS_COOKIE, tests: [{ op: "eq", value: bypassToken }] }]
    : [];
  const { conditions, issues } = compileHas(experimentalBypassFor ?? [], `${at}: experimentalBypassFor`);
  const [issue] = issues;
  return issue
    ? { ok: false, detail: `${issue.path} ${issue.message}.` }
    : { ok: true, bypass: [...draft, ...conditions] };
}

const refuse = (detail: string): { ok: false; failure: Failure } => ({
  ok: false,
  failure: {
    code: "invalid_output",
    detail,
    fix: "Build the output again with a tool that emits the Build Output API v3, or with `cloudify build`.",
  },
});
