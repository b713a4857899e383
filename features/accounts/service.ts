/** Teams and tokens: who may act, and for whom. */
import { and, asc, eq, gt, isNull, ne, or } from "drizzle-orm";
import { isUniqueFailure, makeCommit, mustChange } from "#core/commit.ts";
import type { Scope } from "#core/contract.ts";
import type { Base, Ctx, Role } from "#core/ctx.ts";
import { sha256 } from "#core/encoding.ts";
import { type Id, newId } from "#core/ids.ts";
import { fromCursor, toPage } from "#core/page.ts";
import { notFound, Problem } from "#core/problem.ts";
import { MINUTE } from "#core/time.ts";
import { includes, may } from "./policy.ts";
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
  return toPage(rows, limit, (row) => row.id, toToken);
}

interface NewTokenInput {
  name: string;
  role: Role;
  scopes?: Scope[] | undefined;
  expiresAt?: number | undefined;
}

export async function createToken(ctx: Ctx, input: NewTokenInput) {
  const own = (await me(ctx)).token;
  const exceeds =
    !includes(own.role, input.role) ||
    (own.scopes !== null && !(input.scopes ?? []).every((scope) => may(own, scope))) ||
    (own.scopes !== null && input.scopes === undefined) ||
    (own.expiresAt !== null && (input.expiresAt === undefined || input.expiresAt > own.expiresAt));
  if (exceeds) {
    throw new Problem("forbidden", "A token can't make one that may do more, or for longer, than itself.", {
      fix: "Ask for a lower role, fewer scopes or an earlier expiry, or use a token that may do more.",
    });
  }
  if (input.expiresAt !== undefined && input.expiresAt <= ctx.clock.now()) {
    throw new Problem("invalid_input", "The token would have expired already.", {
      fix: "Give `expiresAt` in Unix milliseconds, in the future.",
    });
  }
  const { row, secret } = await draftToken(ctx, ctx.team, {
    name: input.name,
    role: input.role,
    scopes: input.scopes ?? null,
    expiresAt: input.expiresAt ?? null,
  });
  const detail = { name: row.name, role: row.role, scopes: row.scopes, expiresAt: row.expiresAt };
  await ctx.commit({ action: "token.create", target: row.id, detail }, ctx.db.insert(tokens).values(row));
  return { ...toToken(row), token: secret };
}

/** The last owner's token stays: without it nobody could manage the team. */
export async function revokeToken(ctx: Ctx, id: string) {
  const ours = and(eq(tokens.id, id), eq(tokens.teamId, ctx.team));
  const [row] = await ctx.db.select().from(tokens).where(ours);
  if (!row) throw notFound("token");
  if (row.revokedAt !== null) throw new Problem("conflict", "The token was revoked already.");
  const now = ctx.clock.now();
  if (row.role === "owner") {
    const [other] = await ctx.db
      .select({ id: tokens.id })
      .from(tokens)
      .where(
        and(
          eq(tokens.teamId, ctx.team),
          eq(tokens.role, "owner"),
          ne(tokens.id, id),
          isNull(tokens.revokedAt),
          or(isNull(tokens.expiresAt), gt(tokens.expiresAt, now)),
        ),
      )
      .limit(1);
    if (!other) {
      throw new Problem("conflict", "This is the team's last token with the role owner.", {
        fix: "Create another owner's token first.",
      });
    }
  }
  await ctx.commit(
    { action: "token.revoke", target: id, detail: { name: row.name } },
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
