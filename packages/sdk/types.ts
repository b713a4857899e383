/** The API's operations as types, by `METHOD /path`. Derived from the contracts; nothing of them reaches the bundle. */
import type { z } from "@hono/zod-openapi";
import type { contracts } from "../../features/contracts.ts";

type Groups = typeof contracts;

/** The operations of a group by `METHOD /path`. */
type Named<G> = {
  [K in keyof G as G[K] extends { method: infer M extends string; path: infer P extends string }
    ? `${M} ${P}`
    : never]: G[K];
};
type Both<U> = (U extends unknown ? (one: U) => void : never) extends (all: infer I) => void ? I : never;
/** A table, since looking one up costs the compiler nothing; trying each for each name takes it a minute. */
type Operations = Both<{ [G in keyof Groups]: Named<Groups[G]> }[keyof Groups]>;

/** `"GET /api/projects/{project}"` and the like. */
export type OperationName = keyof Operations;

type InputOf<T> = T extends z.ZodType ? z.input<T> : never;

type Member<S, K extends string, As extends string> =
  S extends Record<K, infer T>
    ? undefined extends InputOf<T>
      ? { [_ in As]?: InputOf<T> }
      : object extends InputOf<T>
        ? { [_ in As]?: InputOf<T> }
        : { [_ in As]: InputOf<T> }
    : unknown;

type Inputs = {
  [N in OperationName]: Member<Operations[N], "params", "params"> &
    Member<Operations[N], "query", "query"> &
    Member<Operations[N], "body", "body">;
};
export type InputFor<N extends OperationName> = Inputs[N];

type Outputs = {
  [N in OperationName]: Operations[N] extends { output: infer O }
    ? O extends z.ZodType
      ? z.output<O>
      : O extends null
        ? null
        : Response
    : never;
};
export type OutputFor<N extends OperationName> = Outputs[N];

export type Deployment = OutputFor<"GET /api/deployments/{deployment}">;
export type Project = OutputFor<"GET /api/projects/{project}">;
export type EnvVar = OutputFor<"GET /api/projects/{project}/env">["data"][number];
export type EdgeFunction = OutputFor<"GET /api/functions/{function}">;
export type Rollout = OutputFor<"GET /api/projects/{project}/rollout">;
export type Region = OutputFor<"GET /api/regions">["data"][number];

/** A row of a deployment's log; see the contract's `LogRow`. */
export interface LogRow {
  seq: number;
  at: number;
  stream: string;
  level: "debug" | "info" | "warn" | "error";
  text: string;
  gap?: number;
}
