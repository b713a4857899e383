/** Reading the trail: pages, exports, and the check of its chain. */
import { and, asc, desc, eq, gt, gte, isNotNull, lt, lte, sql } from "drizzle-orm";
import { auditEntries } from "#core/commit.ts";
import type { Ctx } from "#core/ctx.ts";
import { fromNumberCursor, toPage } from "#core/page.ts";
import { notFound } from "#core/problem.ts";
import { teams } from "#features/accounts/tables.ts";
import { GENESIS, linkHash } from "./chain.ts";
import { csvRow } from "./csv.ts";
import { sealTeam } from "./seal.ts";

type Row = typeof auditEntries.$inferSelect;
const BATCH = 500;

interface Filter {
  from?: number | undefined;
  to?: number | undefined;
  actor?: string | undefined;
  action?: string | undefined;
}

interface ListInput extends Filter {
  limit: number;
  cursor?: string | undefined;
  format: "json" | "csv" | "ndjson";
}

export async function list(ctx: Ctx, team: string, input: ListInput) {
  await checkTeam(ctx, team);
  if (input.format !== "json") return exported(ctx, input, input.format);
  const before = fromNumberCursor(input.cursor);
  const rows = await ctx.db
    .select()
    .from(auditEntries)
    .where(and(matching(ctx, input), before === null ? undefined : lt(auditEntries.seq, before)))
    .orderBy(desc(auditEntries.seq))
    .limit(input.limit + 1);
  return toPage(
    rows,
    input.limit,
    ({ seq }) => seq,
    (shown) => shown.map(shape),
  );
}

/** Sealed first, so that what leaves the house can be checked; what comes later belongs to the next export. */
async function exported(ctx: Ctx, filter: Filter, format: "csv" | "ndjson"): Promise<Response> {
  await sealTeam(ctx, ctx.team);
  const isSealed = isNotNull(auditEntries.hash);
  const encoder = new TextEncoder();
  let after = 0;
  let isFirst = true;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const rows = await ctx.db
        .select()
        .from(auditEntries)
        .where(and(matching(ctx, filter), isSealed, gt(auditEntries.seq, after)))
        .orderBy(asc(auditEntries.seq))
        .limit(BATCH);
      const head = isFirst && format === "csv" ? csvRow(COLUMNS) : "";
      isFirst = false;
      after = rows.at(-1)?.seq ?? after;
      const text =
        head +
        rows
          .map((row) => (format === "csv" ? csvRow(cells(row)) : `${JSON.stringify(shape(row))}\n`))
          .join("");
      if (text !== "") controller.enqueue(encoder.encode(text));
      if (rows.length < BATCH) controller.close();
    },
  });
  const type = format === "csv" ? "text/csv; charset=utf-8" : "application/x-ndjson";
  const disposition = `attachment; filename="audit-${ctx.team}.${format}"`;
  return new Response(body, { headers: { "content-type": type, "content-disposition": disposition } });
}

/** Walks the sealed part from its beginning. */
export async function verify(ctx: Ctx, team: string) {
  await checkTeam(ctx, team);
  const ofTeam = eq(auditEntries.teamId, ctx.team);
  let previous = GENESIS;
  let sealed = 0;
  let brokenAt: number | null = null;
  for (;;) {
    const rows = await ctx.db
      .select()
      .from(auditEntries)
      .where(and(ofTeam, gt(auditEntries.seq, sealed)))
      .orderBy(asc(auditEntries.seq))
      .limit(BATCH);
    const end = rows.findIndex((row) => row.hash === null);
    const stretch = end < 0 ? rows : rows.slice(0, end);
    for (const row of stretch) {
      const isNext = row.seq === sealed + 1 && row.prevHash === previous;
      if (!isNext || row.hash !== (await linkHash(previous, row))) {
        brokenAt = row.seq;
        break;
      }
      sealed = row.seq;
      previous = row.hash ?? previous;
    }
    if (brokenAt !== null || stretch.length < BATCH) break;
  }
  const hole = await firstHole(ctx);
  if (hole.isBehindSeal) brokenAt ??= hole.first;
  return { ok: brokenAt === null, sealed, unsealed: hole.unsealed, brokenAt };
}

/** Entries are sealed in order, so an unsealed one before a sealed one lost its seal. Read in one statement. */
async function firstHole(ctx: Ctx) {
  const [row] = await ctx.db
    .select({
      unsealed: sql<number>`coalesce(sum(hash is null), 0)`,
      first: sql<number | null>`min(case when hash is null then seq end)`,
      lastSealed: sql<number | null>`max(case when hash is not null then seq end)`,
    })
    .from(auditEntries)
    .where(eq(auditEntries.teamId, ctx.team));
  const { unsealed = 0, first = null, lastSealed = null } = row ?? {};
  return { unsealed, first, isBehindSeal: first !== null && first < (lastSealed ?? 0) };
}

/** A team may be named by id or slug; only one's own is there. */
async function checkTeam(ctx: Ctx, team: string): Promise<void> {
  if (team === ctx.team) return;
  const [own] = await ctx.db.select().from(teams).where(eq(teams.id, ctx.team));
  if (own?.slug !== team) throw notFound("team");
}

const matching = (ctx: Ctx, { from, to, actor, action }: Filter) =>
  and(
    eq(auditEntries.teamId, ctx.team),
    from === undefined ? undefined : gte(auditEntries.at, from),
    to === undefined ? undefined : lte(auditEntries.at, to),
    actor === undefined ? undefined : eq(auditEntries.actorId, actor),
    action === undefined ? undefined : eq(auditEntries.action, action),
  );

function shape({ entryId, seq, at, actorType, actorId, action, target, detail, requestId, hash }: Row) {
  return {
    id: entryId,
    seq,
    at,
    actor: { type: actorType, id: actorId },
    action,
    target,
    detail,
    requestId,
    hash,
  };
}

const COLUMNS = [
  "seq",
  "at",
  "actor_type",
  "actor_id",
  "action",
  "target",
  "detail",
  "request_id",
  "id",
  "hash",
];

const cells = (row: Row) => [
  row.seq,
  new Date(row.at).toISOString(),
  row.actorType,
  row.actorId,
  row.action,
  row.target,
  row.detail ? JSON.stringify(row.detail) : null,
  row.requestId,
  row.entryId,
  row.hash,
];
