/** Mounts the operations of contracts: the route, its guards, its handler. A missing handler does not compile. */
import type { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { type Contract, type Operation, routeOf } from "#core/contract.ts";
import type { Ctx } from "#core/ctx.ts";
import { Problem } from "#core/problem.ts";
import { once } from "#features/accounts/idempotency.ts";
import type { ApiEnv } from "./env.ts";
import { guardsOf } from "./guard.ts";

type Parsed<T> = T extends z.ZodType ? z.output<T> : undefined;

export interface Input<S extends Operation> {
  params: Parsed<S["params"]>;
  query: Parsed<S["query"]>;
  body: Parsed<S["body"]>;
  /** For bodies of bytes, and for what no schema describes. */
  request: Request;
}

type Output<S extends Operation> = S["output"] extends z.ZodType
  ? z.input<S["output"]> | Response
  : S["output"] extends null
    ? // biome-ignore lint/suspicious/noConfusingVoidType: a handler without an answer returns nothing
      void
    : Response;

export type Handlers<C extends Contract> = {
  [K in keyof C]: (ctx: Ctx, input: Input<C[K]>) => Promise<Output<C[K]>>;
};

export function mount<C extends Contract>(
  app: OpenAPIHono<ApiEnv>,
  feature: string,
  contract: C,
  handlers: Handlers<C>,
): void {
  for (const [name, spec] of Object.entries(contract)) {
    const route = { ...routeOf(`${feature}.${name}`, spec), middleware: guardsOf(spec) };
    const handler = handlers[name] as (ctx: Ctx, input: unknown) => Promise<unknown>;
    const run = async (c: Context<ApiEnv>): Promise<Response> => {
      const ctx = c.get("ctx");
      const valid = (from: string): unknown =>
        (c.req as unknown as { valid(from: string): unknown }).valid(from);
      const input = {
        params: spec.params ? valid("param") : undefined,
        query: spec.query ? valid("query") : undefined,
        body: spec.body ? valid("json") : undefined,
        request: c.req.raw,
      };
      const act = async () => answer(c, spec, await handler(ctx, input));
      const key = c.req.header("idempotency-key");
      if (spec.method !== "POST" || key === undefined) return act();
      const { pathname, search } = new URL(c.req.url);
      return once(
        ctx,
        key,
        `${spec.method} ${pathname}${search}\n${JSON.stringify(input.body ?? null)}`,
        async () => {
          try {
            return await act();
          } catch (error) {
            // Its own answer, not a failure of ours: the same request would get it again.
            if (error instanceof Problem && error.status < 500) return error.toResponse(ctx.requestId);
            throw error;
          }
        },
      );
    };
    app.openapi(route, run as never);
  }
}

/** Parsed by the schema, so that a column that the contract does not name is never sent. */
function answer(c: Context<ApiEnv>, spec: Operation, output: unknown): Response {
  if (output instanceof Response) return output;
  if (spec.output === null || "stream" in spec.output) return c.body(null, 204);
  return c.json(spec.output.parse(output) as object, (spec.status ?? 200) as ContentfulStatusCode);
}
