/** A function's source → a version of it: bundled, stored as an output of one function, and deployed to production. */
import { and, eq } from "drizzle-orm";
import type { Ctx } from "#core/ctx.ts";
import { sha256 } from "#core/encoding.ts";
import { Problem } from "#core/problem.ts";
import { SECOND } from "#core/time.ts";
import { insertBlob, storeBlob } from "#features/blobs/service.ts";
import { manifestOf, nameBlobs, rollingOf } from "#features/deployments/create.ts";
import { insertOnce, isLostName, type Place } from "#features/deployments/insert.ts";
import type { ManifestFile } from "#features/deployments/manifest.ts";
import { planProject } from "#features/projects/service.ts";
import { projects } from "#features/projects/tables.ts";
import { type Bundled, type Bundling, shown, TOO_HEAVY } from "./bundle.ts";
import { MAX_SOURCE_BYTES } from "./contract.ts";
import { MAX_SCRIPT_BYTES } from "./function.ts";
import { get } from "./service.ts";

/** Until its turn comes; both together end before the SDK does. */
const WAIT_MS = 20 * SECOND;
const BUNDLE_MS = 30 * SECOND;
const MAX_TRIES = 3;
/** Errors told in full, and in the detail. */
const TOLD_ERRORS = 20;
const SHOWN_ERRORS = 5;

export interface DeployInput {
  name: string;
  source?: string | undefined;
  files?: Record<string, string> | undefined;
  entry?: string | undefined;
  imports?: Record<string, string> | undefined;
  percent?: number | undefined;
}

/** @throws Problem `bundle_failed` and others; nothing was made then. */
export async function deploy(ctx: Ctx, input: DeployInput) {
  await placeOf(ctx, input.name);
  const { code, map } = await bundle(ctx, bundlingOf(input));
  const files = await Promise.all(
    Object.entries(outputOf(code, map)).map(([path, text]) => store(ctx, path, text)),
  );
  const { text, digest } = await manifestOf(files);
  const manifest = await store(ctx, "", text);
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const own = { target: "production", git: null, source: null, buildLog: null, redeployOf: null };
  const about = { ...own, manifest: digest, bytes, fileCount: files.length, percent: input.percent ?? null };
  const blobs = new Map([...files, manifest].map((file) => [file.sha256, file]));
  const naming = (id: string) => [
    ...[...blobs.values()].map((file) => insertBlob(ctx, file.sha256, file.size)),
    ...nameBlobs(ctx, id, [...blobs.keys()]),
  ];
  for (let tries = 1; ; tries++) {
    const place = await placeOf(ctx, input.name);
    const detail = { name: input.name, bytes, percent: about.percent, isNew: place.fresh !== undefined };
    const audit = { action: "function.deploy", target: place.project.id, detail };
    try {
      const rolling = rollingOf(place.project, { target: about.target, percent: input.percent });
      const { id } = await insertOnce(ctx, { ...place, audit }, { ...about, rolling }, naming);
      return { ...(await get(ctx, place.project.id)), deploymentId: id };
    } catch (error) {
      if (!isLostName(error) || tries === MAX_TRIES) throw error;
    }
  }
}

/** The function's project, or the one that is to be made. @throws Problem `name_taken` by a site. */
async function placeOf(ctx: Ctx, name: string): Promise<Place> {
  const [held] = await ctx.db
    .select()
    .from(projects)
    .where(and(eq(projects.teamId, ctx.team), eq(projects.name, name)));
  if (!held) {
    const fresh = await planProject(ctx, { name, kind: "function" });
    return { project: fresh.row, fresh };
  }
  if (held.kind === "function") return { project: held };
  throw new Problem("name_taken", `There is a project called ${name} already, which is not a function.`, {
    fix: "Choose another name, or add it to the project as api/….",
  });
}

function bundlingOf({ source, files, entry, imports = {} }: DeployInput): Bundling {
  const all = files ?? { [entry ?? "index.ts"]: source ?? "" };
  const size = Object.values(all).reduce((sum, text) => sum + bytesOf(text), 0);
  if (size > MAX_SOURCE_BYTES) {
    const detail = `The source has ${size} bytes; ${MAX_SOURCE_BYTES} are allowed.`;
    throw new Problem("too_large", detail, {
      fix: "Leave out what it does not need, or deploy it as api/… of a project, which is bundled on your machine.",
    });
  }
  const names = Object.keys(all);
  const only = names.length === 1 ? names[0] : undefined;
  const first = entry ?? ENTRIES.find((name) => Object.hasOwn(all, name)) ?? only;
  if (first === undefined || !Object.hasOwn(all, first)) {
    throw new Problem("invalid_input", `There is no file ${first ?? "index.ts"} among the files.`, {
      fix: "Name the one that exports the handler: `entry`, or --entry.",
    });
  }
  return { files: all, entry: first, imports };
}

const ENTRIES = ["index.ts", "index.tsx", "index.mts", "index.js", "index.mjs", "index.jsx"];

async function bundle(ctx: Ctx, asked: Bundling): Promise<{ code: string; map: string }> {
  const answer = await ask(ctx, asked);
  if (answer.ok) {
    const size = bytesOf(answer.code);
    if (size <= MAX_SCRIPT_BYTES) return answer;
    const detail = `It comes to ${size} bytes; ${MAX_SCRIPT_BYTES} are allowed.`;
    throw new Problem("function_too_large", detail, { fix: "Leave out what it does not need, or split it." });
  }
  if (answer.reason === "busy") throw busy();
  const { errors } = answer;
  const left = errors.length - SHOWN_ERRORS;
  const lines = [
    ...errors.slice(0, SHOWN_ERRORS).map(shown),
    ...(left > 0 ? [`(and ${left} more errors)`] : []),
  ];
  throw new Problem("bundle_failed", lines.join("\n") || "It can't be bundled.", {
    fix: errors[0]?.fix ?? "Correct it, and deploy again.",
    extensions: { errors: errors.slice(0, TOLD_ERRORS) },
  });
}

/** It answers once the source's turn has come: what ends it after that is the source itself, and would end it again. */
async function ask(ctx: Ctx, asked: Bundling): Promise<Bundled> {
  const late = new AbortController();
  let timer = setTimeout(() => late.abort(), WAIT_MS);
  let hasBegun = false;
  try {
    const answer = await ctx.bundler.fetch("http://bundler.internal/", {
      method: "POST",
      body: JSON.stringify(asked),
      signal: late.signal,
    });
    if (!answer.ok) throw new Error(`the bundler answered ${answer.status}`);
    hasBegun = true;
    clearTimeout(timer);
    timer = setTimeout(() => late.abort(), BUNDLE_MS);
    return await answer.json<Bundled>();
  } catch (cause) {
    if (hasBegun) return { ok: false, reason: "errors", errors: [TOO_HEAVY] };
    if (late.signal.aborted) throw busy(cause);
    throw new Problem("unavailable", "What bundles functions does not answer.", {
      fix: "Try again in a moment.",
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}

const busy = (cause?: unknown): Problem =>
  new Problem("unavailable", "Too many functions are being bundled at this moment.", {
    fix: "Try again in a moment.",
    cause,
  });

/** Every path is the function's. */
const outputOf = (code: string, map: string): Record<string, string> => ({
  "config.json": JSON.stringify({ version: 3, routes: [{ src: "/.*", dest: "/index" }] }),
  "functions/index.func/.vc-config.json": JSON.stringify({ runtime: "edge", entrypoint: "index.js" }),
  "functions/index.func/index.js": code,
  "functions/index.func/index.js.map": map,
});

async function store(ctx: Ctx, path: string, text: string): Promise<ManifestFile> {
  const digest = await sha256(text);
  await storeBlob(ctx, digest, (send) => send(text));
  return { path, sha256: digest, size: bytesOf(text) };
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;
