/** Reading the trail: pages, exports, and the check of its chain. */
import { and, asc, count, desc, eq, gt, gte, isNull, lt, lte } from "drizzle-orm";
import { auditEntries } from "#core/commit.ts";
import type { Ctx } from "#core/ctx.ts";
import { fromCursor, toPage } from "#core/page.ts";
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
  const before = fromCursor(input.cursor);
  const rows = await ctx.db
    .select()
    .from(auditEntries)
    .where(and(matching(ctx, input), before === null ? undefined : lt(auditEntries.seq, Number(before))))
    .orderBy(desc(auditEntries.seq))
    .limit(input.limit + 1);
  return toPage(rows, input.limit, (row) => String(row.seq), shape);
}

/** Sealed first, so that what leaves the house can be checked. */
async function exported(ctx: Ctx, filter: Filter, format: "csv" | "ndjson"): Promise<Response> {
  await sealTeam(ctx, ctx.team);
  const encoder = new TextEncoder();
  let after = 0;
  let isFirst = true;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const rows = await ctx.db
        .select()
        .from(auditEntries)
        .where(and(matching(ctx, filter), gt(auditEntries.seq, after)))
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
  let previous = GENESIS;
  let sealed = 0;
  let brokenAt: number | null = null;
  for (;;) {
    const rows = await ctx.db
      .select()
      .from(auditEntries)
      .where(and(eq(auditEntries.teamId, ctx.team), gt(auditEntries.seq, sealed)))
      .orderBy(asc(auditEntries.seq))
      .limit(BATCH);
    const stretch = rows.slice(0, rows.findIndex((row) => row.hash === null) >>> 0);
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
  const [left] = await ctx.db
    .select({ unsealed: count() })
    .from(auditEntries)
    .where(and(eq(auditEntries.teamId, ctx.team), isNull(auditEntries.hash)));
  return { ok: brokenAt === null, sealed, unsealed: left?.unsealed ?? 0, brokenAt };
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
