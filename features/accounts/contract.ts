/** Who is asking: teams and the scoped tokens that act for them. People, passwords and sign-in are not part of it. */
import { z } from "@hono/zod-openapi";
import { type Contract, MillisSchema, op, PageQuery, page, SCOPES } from "#core/contract.ts";

export const RoleSchema = z.enum(["owner", "admin", "developer", "viewer"]);

export const SlugSchema = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$/, "1 to 48 of a–z, 0–9 and -, not at an end")
  .refine((slug) => !slug.includes("--"), "no two hyphens in a row");

export const Team = z
  .object({ id: z.string(), slug: SlugSchema, name: z.string(), createdAt: MillisSchema })
  .openapi("Team");

export const Token = z
  .object({
    id: z.string(),
    name: z.string(),
    role: RoleSchema,
    scopes: z.array(z.enum(SCOPES)).nullable().openapi({ description: "`null`: everything its role may do" }),
    createdAt: MillisSchema,
    expiresAt: MillisSchema.nullable(),
    lastUsedAt: MillisSchema.nullable().openapi({ description: "To the minute" }),
    revokedAt: MillisSchema.nullable(),
  })
  .openapi("Token");

export const NewToken = Token.extend({
  token: z.string().openapi({ description: "The secret. It is shown this once and not stored." }),
}).openapi("NewToken");

export const accounts = {
  health: op({
    method: "GET",
    path: "/api/health",
    tag: "Platform",
    summary: "Tell whether the API answers",
    output: z.object({ status: z.literal("ok"), version: z.string() }),
    scope: null,
  }),
  me: op({
    method: "GET",
    path: "/api/me",
    tag: "Accounts",
    summary: "Show the token in use and its team",
    output: z.object({ team: Team, token: Token }),
    scope: "any",
  }),
  listTeams: op({
    method: "GET",
    path: "/api/teams",
    tag: "Accounts",
    summary: "List the teams this token acts for",
    query: PageQuery,
    output: page(Team),
    scope: "teams:read",
  }),
  createTeam: op({
    method: "POST",
    path: "/api/teams",
    tag: "Accounts",
    summary: "Create a team and its owner's token",
    body: z.object({ slug: SlugSchema, name: z.string().min(1).max(100).optional() }),
    output: z.object({ team: Team, token: NewToken }),
    status: 201,
    scope: "teams:write",
    audit: "team.create",
    problems: ["name_taken"],
  }),
  listTokens: op({
    method: "GET",
    path: "/api/tokens",
    tag: "Accounts",
    summary: "List the team's tokens",
    query: PageQuery,
    output: page(Token),
    scope: "tokens:read",
  }),
  createToken: op({
    method: "POST",
    path: "/api/tokens",
    tag: "Accounts",
    summary: "Create a token",
    description:
      "A token can't be given a higher role, more scopes or a later expiry than the one that makes it.",
    body: z.object({
      name: z.string().min(1).max(100),
      role: RoleSchema.default("developer"),
      scopes: z.array(z.enum(SCOPES)).min(1).optional(),
      expiresAt: MillisSchema.optional(),
    }),
    output: NewToken,
    status: 201,
    scope: "tokens:write",
    audit: "token.create",
  }),
  revokeToken: op({
    method: "DELETE",
    path: "/api/tokens/{token}",
    tag: "Accounts",
    summary: "Revoke a token at once",
    params: z.object({ token: z.string() }),
    output: Token,
    scope: "tokens:write",
    audit: "token.revoke",
    problems: ["not_found", "conflict"],
  }),
} satisfies Contract;
