/** Teams and tokens: who may act, and for whom. */
import { and, asc, eq, gt, isNull, ne, or, sql } from "drizzle-orm";
import { isUniqueFailure, makeCommit, mustChange, mustHold } from "#core/commit.ts";
import type { Role, Scope } from "#core/contract.ts";
import type { Base, Ctx } from "#core/ctx.ts";
import { sha256 } from "#core/encoding.ts";
import { type Id, newId } from "#core/ids.ts";
import { fromCursor, toPageById } from "#core/page.ts";
import { notFound, Problem } from "#core/problem.ts";
import { MINUTE } from "#core/time.ts";
import { exceeds, includes, may } from "./policy.ts";
import { newSecret } from "./secret.ts";
import { teams, tokens } from "./tables.ts";

type TokenRow = typeof tokens.$inferSelect;
type TeamRow = typeof teams.$inferSelect;
interface PageInput {
  limit: number;
  cursor?: string | undefined;
}

export const toToken = ({ teamId: _, hash: __, ...token }: TokenRow) => token;

/** @throws Problem when the secret is unknown, expired or revoked. */
export async function authenticate(base: Base, secret: string): Promise<{ token: TokenRow; team: TeamRow }> {
  const [found] = await base.db
    .select()
    .from(tokens)
    .innerJoin(teams, eq(teams.id, tokens.teamId))
    .where(eq(tokens.hash, await sha256(secret)));
  const fix = "Log in with `cloudify login --token …`, or send `authorization: Bearer <token>`.";
  if (!found) throw new Problem("unauthenticated", "The token is not known here.", { fix });
  const { tokens: token, teams: team } = found;
  const now = base.clock.now();
  if (token.revokedAt !== null) throw new Problem("token_revoked", "The token was revoked.", { fix });
  if (token.expiresAt !== null && token.expiresAt <= now)
    throw new Problem("token_expired", "The token has expired.", { fix });
  if (now - (token.lastUsedAt ?? 0) >= MINUTE) {
    base.keepAlive(base.db.update(tokens).set({ lastUsedAt: now }).where(eq(tokens.id, token.id)));
  }
  return { token, team };
}

export async function me(ctx: Ctx) {
  const [found] = await ctx.db
    .select()
    .from(tokens)
    .innerJoin(teams, eq(teams.id, tokens.teamId))
    .where(eq(tokens.id, ctx.actor.id));
  if (!found) throw notFound("token");
  return { team: found.teams, token: toToken(found.tokens) };
}

/** A token acts for one team. */
export async function listTeams(ctx: Ctx) {
  return { data: await ctx.db.select().from(teams).where(eq(teams.id, ctx.team)), next: null };
}

/** The new team's trail begins with its own creation. */
export async function createTeam(ctx: Ctx, input: { slug: string; name?: string | undefined }) {
  const now = ctx.clock.now();
  const team = {
    id: newId("team", now, ctx.random),
    slug: input.slug,
    name: input.name ?? input.slug,
    createdAt: now,
  };
  const { row, secret } = await draftToken(ctx, team.id, {
    name: "owner",
    role: "owner",
    scopes: null,
    expiresAt: null,
  });
  const commit = makeCommit({ ...ctx, team: team.id });
  try {
    await commit(
      { action: "team.create", target: team.id, detail: { slug: team.slug, by: ctx.team } },
      ctx.db.insert(teams).values(team),
      ctx.db.insert(tokens).values(row),
    );
  } catch (cause) {
    if (!isUniqueFailure(cause)) throw cause;
    throw new Problem("name_taken", `There is a team called ${input.slug} already.`, {
      fix: "Choose another slug.",
      cause,
    });
  }
  return { team, token: { ...toToken(row), token: secret } };
}

export async function listTokens(ctx: Ctx, { limit, cursor }: PageInput) {
  const after = fromCursor(cursor);
  const rows = await ctx.db
    .select()
    .from(tokens)
    .where(and(eq(tokens.teamId, ctx.team), after === null ? undefined : gt(tokens.id, after)))
    .orderBy(asc(tokens.id))
    .limit(limit + 1);
  return toPageById(rows, limit, (shown) => shown.map(toToken));
}

interface NewTokenInput {
  name: string;
  role: Role;
  scopes?: Scope[] | undefined;
  expiresAt?: number | undefined;
}

export async function createToken(ctx: Ctx, { name, role, ...input }: NewTokenInput) {
  const own = (await me(ctx)).token;
  const scopes = input.scopes ? [...new Set(input.scopes)] : null;
  const expiresAt = input.expiresAt ?? null;
  if (exceeds({ role, scopes, expiresAt }, own)) {
    throw new Problem("forbidden", "A token can't make one that may do more, or for longer, than itself.", {
      fix: "Ask for a lower role, fewer scopes or an earlier expiry, or use a token that may do more.",
    });
  }
  const beyond = scopes?.find((scope) => !may({ role, scopes: null }, scope));
  if (beyond !== undefined) {
    throw new Problem("invalid_input", `The role ${role} does not include ${beyond}.`, {
      fix: "Leave the scope out, or give a role that includes it: scopes can only narrow a role.",
    });
  }
  if (expiresAt !== null && expiresAt <= ctx.clock.now()) {
    throw new Problem("invalid_input", "The token would have expired already.", {
      fix: "Give `expiresAt` in Unix milliseconds, in the future.",
    });
  }
  const { row, secret } = await draftToken(ctx, ctx.team, { name, role, scopes, expiresAt });
  await ctx.commit(
    { action: "token.create", target: row.id, detail: { name, role, scopes, expiresAt } },
    ctx.db.insert(tokens).values(row),
  );
  return { ...toToken(row), token: secret };
}

/** The last owner's token stays: without it nobody could manage the team. */
export async function revokeToken(ctx: Ctx, id: string) {
  const ours = and(eq(tokens.id, id), eq(tokens.teamId, ctx.team));
  const [row] = await ctx.db.select().from(tokens).where(ours);
  if (!row) throw notFound("token");
  if (ctx.actor.type === "token" && !includes(ctx.actor.role, row.role)) {
    throw new Problem("forbidden", `This token may not revoke one with the role ${row.role}.`, {
      fix: `Use a token with the role ${row.role} or higher.`,
    });
  }
  if (row.revokedAt !== null) {
    throw new Problem("conflict", "The token was revoked already.", { fix: "There is nothing left to do." });
  }
  const now = ctx.clock.now();
  const others = and(
    eq(tokens.teamId, ctx.team),
    eq(tokens.role, "owner"),
    isNull(tokens.scopes),
    ne(tokens.id, id),
    isNull(tokens.revokedAt),
    or(isNull(tokens.expiresAt), gt(tokens.expiresAt, now)),
  );
  const another = ctx.db.select({ id: tokens.id }).from(tokens).where(others).limit(1);
  const isOwner = row.role === "owner" && row.scopes === null;
  if (isOwner && (await another).length === 0) {
    throw new Problem("conflict", "This is the team's last token with the role owner.", {
      fix: "Create another owner's token first.",
    });
  }
  await ctx.commit(
    { action: "token.revoke", target: id, detail: { name: row.name } },
    // Two that revoke each other's at once must not both find one left.
    ...(isOwner ? [mustHold(ctx.db, sql`exists ${another}`)] : []),
    ctx.db
      .update(tokens)
      .set({ revokedAt: now })
      .where(and(ours, isNull(tokens.revokedAt))),
    mustChange(ctx.db),
  );
  return toToken({ ...row, revokedAt: now });
}

async function draftToken(
  base: Base,
  team: Id<"team">,
  about: Pick<TokenRow, "name" | "role" | "scopes" | "expiresAt">,
): Promise<{ row: TokenRow; secret: string }> {
  const now = base.clock.now();
  const secret = newSecret(base.random);
  const id = newId("token", now, base.random);
  const hash = await sha256(secret);
  const row = { id, teamId: team, hash, ...about, createdAt: now, lastUsedAt: null, revokedAt: null };
  return { row, secret };
}
