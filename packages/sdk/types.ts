/** The API's operations as types, by `METHOD /path`. Derived from the contracts; nothing of them reaches the bundle. */
import type { z } from "@hono/zod-openapi";
import type { contracts } from "../../features/contracts.ts";

type Groups = typeof contracts;
type Spec = { [G in keyof Groups]: Groups[G][keyof Groups[G]] }[keyof Groups];

/** `"GET /api/projects/{project}"` and the like. */
export type OperationName = Spec extends infer S
  ? S extends { method: infer M extends string; path: infer P extends string }
    ? `${M} ${P}`
    : never
  : never;

type Find<N extends OperationName> = Spec extends infer S
  ? S extends { method: infer M extends string; path: infer P extends string }
    ? N extends `${M} ${P}`
      ? S
      : never
    : never
  : never;

type InputOf<T> = T extends z.ZodType ? z.input<T> : never;

type Member<S, K extends string, As extends string> =
  S extends Record<K, infer T>
    ? undefined extends InputOf<T>
      ? { [_ in As]?: InputOf<T> }
      : object extends InputOf<T>
        ? { [_ in As]?: InputOf<T> }
        : { [_ in As]: InputOf<T> }
    : unknown;

export type InputFor<N extends OperationName> = Member<Find<N>, "params", "params"> &
  Member<Find<N>, "query", "query"> &
  Member<Find<N>, "body", "body">;

export type OutputFor<N extends OperationName> =
  Find<N> extends { output: infer O }
    ? O extends z.ZodType
      ? z.output<O>
      : O extends null
        ? null
        : Response
    : never;

export type Deployment = OutputFor<"GET /api/deployments/{deployment}">;
export type Project = OutputFor<"GET /api/projects/{project}">;
export type EnvVar = OutputFor<"GET /api/projects/{project}/env">["data"][number];
export type EdgeFunction = OutputFor<"GET /api/functions/{function}">;

/** A row of a deployment's log; see the contract's `LogRow`. */
export interface LogRow {
  seq: number;
  at: number;
  stream: string;
  level: "debug" | "info" | "warn" | "error";
  text: string;
  gap?: number;
}
