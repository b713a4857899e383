/**
 * What stands before an operation: who asks, whether they may, and whether the body is of a kind and size that the API
 * takes. It runs before anything is parsed, and knows the operations only by their contracts.
 */
import type { Context, MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { makeCommit } from "#core/commit.ts";
import type { Operation, Scope } from "#core/contract.ts";
import type { Ctx } from "#core/ctx.ts";
import type { Id } from "#core/ids.ts";
import { Problem } from "#core/problem.ts";
import { may } from "#features/accounts/policy.ts";
import { authenticate } from "#features/accounts/service.ts";
import { makeBase } from "#features/base.ts";
import type { ApiEnv } from "./env.ts";

const MAX_JSON_BYTES = 16 * 1024 * 1024;

type Guard = MiddlewareHandler<ApiEnv>;

export const guardsOf = ({ scope, bytes, body }: Operation): Guard[] => [
  ...(scope === null ? [] : [allow(scope)]),
  ...(bytes || !body ? [] : jsonGuards(MAX_JSON_BYTES)),
];

/** Before a body of JSON is read. */
export const jsonGuards = (maxBytes: number): Guard[] => [takeJson, limitTo(maxBytes)];

const allow =
  (scope: Scope | "any"): Guard =>
  async (c, next) => {
    const ctx = await contextOf(c);
    if (scope !== "any" && (ctx.actor.type !== "token" || !may(ctx.actor, scope))) {
      throw new Problem("forbidden", `This token may not do this: it lacks ${scope}.`, {
        fix: `Use a token whose role and scopes include ${scope}.`,
      });
    }
    c.set("ctx", ctx);
    await next();
  };

async function contextOf(c: Context<ApiEnv>): Promise<Ctx> {
  const base = makeBase(c.env, c.get("seams"), (work) => c.executionCtx.waitUntil(work));
  const secret = /^Bearer +([A-Za-z0-9_]{1,200})$/i.exec(c.req.header("authorization") ?? "")?.[1];
  if (secret === undefined) {
    throw new Problem("unauthenticated", "This needs a token.", {
      fix: "Send `authorization: Bearer <token>`; `cloudify login --token …` keeps it for the CLI.",
    });
  }
  const { token, team } = await authenticate(base, secret);
  const { role, scopes } = token;
  const actor = { type: "token" as const, id: token.id as Id<"token">, role, scopes };
  const about = { team: team.id as Id<"team">, actor, requestId: c.get("requestId") };
  return { ...base, ...about, commit: makeCommit({ ...base, ...about }) };
}

const takeJson: Guard = async (c, next) => {
  const type = c.req.header("content-type");
  const hasBody =
    Number(c.req.header("content-length") ?? 0) > 0 || c.req.header("transfer-encoding") !== undefined;
  if (hasBody && !/^application\/(?:[\w.-]+\+)?json *(?:;|$)/i.test(type ?? "")) {
    throw new Problem("unsupported_media_type", `The API takes JSON, not ${type ?? "an unnamed type"}.`, {
      fix: "Send `content-type: application/json`.",
    });
  }
  await next();
};

/** Counts what arrives when no length is named, so that a body without an end is cut off. */
const limitTo = (maxBytes: number): Guard => {
  const limit = bodyLimit({
    maxSize: maxBytes,
    onError: () => {
      throw new Problem("too_large", `A JSON body may have ${maxBytes} bytes here.`, {
        fix: "Send less at once. A deployment has at most 25,000 files; upload bytes to /api/blobs.",
      });
    },
  });
  return async (c, next) => {
    let isRead = false;
    const go = () => {
      isRead = true;
      return next();
    };
    try {
      return await limit(c, go);
    } catch (error) {
      if (isRead || error instanceof Problem) throw error;
      throw new Problem("bad_request", "The body ended before all of it had come.", {
        fix: "Send it again.",
        cause: error,
      });
    }
  };
};
