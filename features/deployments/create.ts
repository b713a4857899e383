/** Creating deployments: from an uploaded output, from source, or again from one that is there. */
import type { BuildSettings } from "@cloudify/protocol";
import { sql } from "drizzle-orm";
import { mustHold, type Write } from "#core/commit.ts";
import type { Ctx } from "#core/ctx.ts";
import { canonicalJson, sha256 } from "#core/encoding.ts";
import { Problem } from "#core/problem.ts";
import { DIGESTS_A_QUERY, insertBlob, keepBlobs, storeBlob } from "#features/blobs/service.ts";
import { manifestBlobs } from "#features/blobs/tables.ts";
import type { Plan } from "#features/pointers/rolling.ts";
import { getProject, type ProjectRow } from "#features/projects/service.ts";
import { type Given, planOf } from "#features/rollouts/plan.ts";
import { MAX_DEPLOYMENT_BYTES } from "./contract.ts";
import { insert } from "./insert.ts";
import { checkManifest, checkSource, type ManifestFile } from "./manifest.ts";
import { getRow } from "./read.ts";
import type { Source } from "./state.ts";
import { type GitData, UNFINISHED } from "./tables.ts";

interface CreateInput extends Given {
  target: string;
  git?: GitData | undefined;
  percent?: number | undefined;
  files: ManifestFile[];
  /** The files are what it is built from. */
  source: boolean;
  build?: Overrides | undefined;
  buildLog?: string | undefined;
}

export async function create(ctx: Ctx, idOrName: string, input: CreateInput) {
  const project = await getProject(ctx, idOrName);
  checkKind(project);
  checkTarget(input.target);
  checkShare(input);
  const rolling = rollingOf(project, input);
  checkFiles(input);
  const { text, digest: manifest } = await manifestOf(input.files);
  const isKnown = await checkUploaded(ctx, input, manifest);
  if (!isKnown) await storeBlob(ctx, manifest, (store) => store(text));
  const size = new TextEncoder().encode(text).length;
  const bytes = input.files.reduce((sum, file) => sum + file.size, 0);
  const { target, git = null, buildLog = null, percent = null } = input;
  const counts = { bytes, fileCount: input.files.length };
  const made = input.source
    ? { manifest: "", source: sourceOf(project, { manifest, ...counts }, input.build ?? {}) }
    : { manifest, source: null };
  const about = { target, git, buildLog, percent, rolling, redeployOf: null, ...counts, ...made };
  const named = [...new Set([...digestsOf(input), manifest])];
  return insert(ctx, project, about, (id) => [insertBlob(ctx, manifest, size), ...nameBlobs(ctx, id, named)]);
}

/** The same output, or the same source built again; today's variables. */
export async function redeploy(ctx: Ctx, idOrHost: string, to: string | undefined) {
  const before = await getRow(ctx, idOrHost);
  checkTarget(to ?? before.target);
  if (UNFINISHED.includes(before.status)) {
    throw new Problem("illegal_transition", "This deployment has not finished yet.", {
      fix: "Wait until it is ready, or cancel it first.",
    });
  }
  const { git, projectId, target } = before;
  const project = await getProject(ctx, projectId);
  const source = before.source && sourceOf(project, before.source, before.source.overrides);
  const { bytes, fileCount } = source ?? before;
  const made = { manifest: source ? "" : before.manifest, source, bytes, fileCount };
  const rolling = rollingOf(project, { target: to ?? target });
  const own = { buildLog: null, percent: null, rolling, redeployOf: before.id };
  const about = { ...made, ...own, git, target: to ?? target };
  return insert(ctx, project, about, (id) => copyNames(ctx, before.id, id));
}

type Overrides = { [K in keyof BuildSettings]?: BuildSettings[K] | undefined };

function sourceOf(
  { name, settings }: ProjectRow,
  { manifest, bytes, fileCount }: Pick<Source, "manifest" | "bytes" | "fileCount">,
  overrides: Overrides,
): Source {
  const { rootDirectory, framework, installCommand, buildCommand, outputDirectory, nodeVersion } = settings;
  const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
  const ofProject = { rootDirectory, framework, installCommand, buildCommand, outputDirectory, nodeVersion };
  return {
    manifest,
    bytes,
    fileCount,
    projectName: name,
    settings: { ...ofProject, ...given },
    overrides: given,
  };
}

function checkFiles({ source, files, build, buildLog }: CreateInput): void {
  if (source) checkSource(files, MAX_DEPLOYMENT_BYTES);
  else checkManifest(files, MAX_DEPLOYMENT_BYTES);
  const [stray] = [...(source || !build ? [] : ["build"]), ...(source && buildLog ? ["buildLog"] : [])];
  if (stray === undefined) return;
  const detail = source ? "What is built from source has no log yet." : "An output is built already.";
  throw new Problem("invalid_input", detail, { fix: `Leave ${stray} out.` });
}

function checkKind({ kind, name }: ProjectRow): void {
  if (kind === "site") return;
  throw new Problem("invalid_input", `${name} is a single function: it takes source, not files to serve.`, {
    fix: `Deploy it with \`cloudify functions deploy ${name} PATH\`, or choose another project.`,
  });
}

function checkTarget(target: string): void {
  if (target !== "development") return;
  const detail = "Nothing is deployed to development: it is the environment of your own machine.";
  throw new Problem("invalid_input", detail, {
    fix: "Deploy to production, preview, or an environment of your own.",
  });
}

function checkShare({ target, percent, stages, guard }: CreateInput): void {
  const [given] = Object.entries({ percent, stages, guard }).flatMap(([name, one]) =>
    one === undefined ? [] : name,
  );
  if (given !== undefined && target !== "production") {
    throw new Problem("invalid_input", `${given} is of production's visitors, not of ${target}'s.`, {
      fix: "Leave it out, or deploy to production.",
    });
  }
  if (percent === undefined || (stages === undefined && guard === undefined)) return;
  throw new Problem(
    "invalid_input",
    "percent is a share that is moved by hand, stages and guard are of one that moves.",
    {
      fix: "Give percent, or stages.",
    },
  );
}

/** @returns By which stages it takes production; `null`: by none. @throws Problem `invalid_input` */
export function rollingOf(
  { settings }: Pick<ProjectRow, "settings">,
  { target, percent, ...given }: Given & { target: string; percent?: number | undefined },
): Plan | null {
  if (target !== "production" || percent !== undefined) return null;
  return planOf(given, settings.rollingRelease ?? null);
}

/**
 * @returns Whether the manifest itself is there, from an equal output.
 * @throws Problem `missing_blobs` with all that the team lacks; nothing has changed then but that the rest was touched.
 */
export async function checkUploaded(
  ctx: Ctx,
  input: Pick<CreateInput, "files" | "buildLog">,
  manifest: string,
): Promise<boolean> {
  const { files } = input;
  const digests = [...new Set(digestsOf(input))];
  const known = await keepBlobs(ctx, ctx.team, [...digests, manifest]);
  const missing = digests.filter((digest) => !known.has(digest));
  if (missing.length > 0) {
    throw new Problem("missing_blobs", `${missing.length} of ${digests.length} files are not uploaded yet.`, {
      fix: "PUT each of `missing` to /api/blobs/<sha256>, then create the deployment again.",
      extensions: { missing },
    });
  }
  for (const { path, sha256: digest, size } of files) {
    const stored = known.get(digest)?.size;
    if (stored !== size) {
      throw new Problem("size_mismatch", `${JSON.stringify(path)} has ${stored} bytes, not ${size}.`, {
        fix: "Give each file's size in bytes.",
        extensions: { path },
      });
    }
  }
  return known.has(manifest);
}

const digestsOf = ({ files, buildLog }: Pick<CreateInput, "files" | "buildLog">): string[] => [
  ...files.map((file) => file.sha256),
  ...(buildLog === undefined ? [] : [buildLog]),
];

/** The manifest is a blob like any other: equal outputs share it. */
export async function manifestOf(files: readonly ManifestFile[]): Promise<{ text: string; digest: string }> {
  const sorted = files
    .map(({ path, sha256: digest, size, isExecutable, link }) => ({
      path,
      sha256: digest,
      size,
      ...(isExecutable ? { isExecutable } : {}),
      ...(link === undefined ? {} : { link }),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const text = canonicalJson({ v: 1, files: sorted });
  return { text, digest: await sha256(text) };
}

/**
 * Tells the collector what the manifest names, by as few statements as there can be. What is named already stays so:
 * a source and its output may share files.
 */
export function nameBlobs(ctx: Ctx, id: string, named: string[]): Write[] {
  const writes: Write[] = [];
  for (let at = 0; at < named.length; at += DIGESTS_A_QUERY) {
    const list = JSON.stringify(named.slice(at, at + DIGESTS_A_QUERY));
    writes.push(
      ctx.db
        .insert(manifestBlobs)
        // Without `where` SQLite takes `on conflict` for a join's condition.
        .select(sql`select ${ctx.team}, value, ${id} from json_each(${list}) where true`)
        .onConflictDoNothing(),
    );
  }
  return writes;
}

/** The same names, as long as they are there: with the deployment they go, and its blobs may be gone then. */
const copyNames = (ctx: Ctx, from: string, id: string): Write[] => [
  mustHold(ctx.db, sql`exists (select 1 from manifest_blobs where deployment_id = ${from})`),
  ctx.db
    .insert(manifestBlobs)
    .select(sql`select team_id, sha256, ${id} from manifest_blobs where deployment_id = ${from}`),
];
