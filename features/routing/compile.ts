/**
 * `config.json`'s routes → the route table. Everything is checked here, so that the edge has nothing to refuse: shapes,
 * header names, statuses, patterns. What is not known is refused, never ignored. Control plane only.
 */
import type { z } from "zod";
import { type Budget, classify } from "./classify.ts";
import {
  conditions,
  type GivenTransform,
  type GivenValue,
  handle,
  type SourceRoute,
  sourceRoute,
  wildcards,
} from "./source.ts";
import {
  type CompiledRoute,
  type Condition,
  type Pattern,
  PHASES,
  type Phase,
  type RouteTable,
  type Transform,
  type ValueTest,
} from "./table.ts";

export const MAX_ROUTES = 10_000;

export interface RouteIssue {
  code: "invalid_output" | "not_yet";
  /** Where in `config.json`: `routes[3].src`. */
  path: string;
  message: string;
  fix: string;
}

export type Compiled = { ok: true; table: RouteTable } | { ok: false; issues: RouteIssue[] };

export function compileRoutes(input: { routes?: unknown; wildcard?: unknown }): Compiled {
  const issues: RouteIssue[] = [];
  const phases = Object.fromEntries(PHASES.map((phase) => [phase, []])) as unknown as Record<
    Phase,
    CompiledRoute[]
  >;
  const wildcard = parse(wildcards, input.wildcard ?? [], "wildcard", issues) ?? [];
  const routes = Array.isArray(input.routes ?? []) ? ((input.routes ?? []) as unknown[]) : null;
  if (!routes) issues.push(issue("routes", "is not a list", "Give `routes` as a list."));
  if (routes && routes.length > MAX_ROUTES) {
    const fix = "Join routes with patterns, or do it in a function.";
    issues.push(issue("routes", `has ${routes.length} routes; ${MAX_ROUTES} are allowed`, fix));
  }
  if (!routes || issues.length > 0) return { ok: false, issues };

  const budget: Budget = { analyses: 0 };
  let phase: Phase = "main";
  for (const [i, route] of routes.entries()) {
    const path = `routes[${i}]`;
    if (typeof route === "object" && route !== null && "handle" in route) {
      phase = parse(handle, route, path, issues)?.handle ?? phase;
      continue;
    }
    const known = parse(sourceRoute, route, path, issues);
    const compiled = known && compileRoute(known, path, budget, issues);
    if (compiled) phases[phase].push(compiled);
  }
  if (issues.length > 0) return { ok: false, issues };
  const hosts = Object.fromEntries(wildcard.map((one) => [one.domain.toLowerCase(), one.value]));
  return { ok: true, table: { phases, wildcard: hosts } };
}

/** Conditions that stand elsewhere than in a route. @param path Where, as issues name it. */
export function compileHas(has: unknown, path: string): { conditions: Condition[]; issues: RouteIssue[] } {
  const issues: RouteIssue[] = [];
  const known = parse(conditions, has, path, issues);
  const compiled = known && compileConditions(known, path, { analyses: 0 }, issues);
  return { conditions: compiled ?? [], issues };
}

function compileRoute(
  route: SourceRoute,
  path: string,
  budget: Budget,
  issues: RouteIssue[],
): CompiledRoute | undefined {
  const pattern = compilePattern(
    anchored(route.src),
    route.caseSensitive === true,
    `${path}.src`,
    budget,
    issues,
  );
  const has = compileConditions(route.has, `${path}.has`, budget, issues);
  const missing = compileConditions(route.missing, `${path}.missing`, budget, issues);
  const transforms = route.transforms?.map((one, i) =>
    compileTransform(one, `${path}.transforms[${i}]`, budget, issues),
  );
  if (route.mitigate?.action === "challenge") {
    const fix = 'Take it out, or use the action "deny".';
    issues.push({
      ...issue(`${path}.mitigate`, "asks for a challenge, which nothing poses yet", fix),
      code: "not_yet",
    });
  }
  if (!pattern) return undefined;
  return {
    pattern,
    ...(route.dest === undefined ? {} : { dest: route.dest }),
    ...(route.status === undefined ? {} : { status: route.status }),
    ...(route.headers ? { headers: lowerCased(route.headers) } : {}),
    ...(route.methods ? { methods: route.methods.map((method) => method.toUpperCase()) } : {}),
    ...(has ? { has } : {}),
    ...(missing ? { missing } : {}),
    ...(route.continue ? { continue: true as const } : {}),
    ...(route.check ? { check: true as const } : {}),
    ...(route.important ? { important: true as const } : {}),
    ...(transforms ? { transforms } : {}),
    ...(route.mitigate ? { mitigate: "deny" as const } : {}),
    ...(route.middlewarePath === undefined ? {} : { middlewarePath: route.middlewarePath }),
    ...(route.locale?.redirect
      ? { locale: { redirect: route.locale.redirect, cookie: route.locale.cookie ?? null } }
      : {}),
  };
}

function compileTransform(
  given: GivenTransform,
  path: string,
  budget: Budget,
  issues: RouteIssue[],
): Transform {
  if (given.type === "request.path") return { type: given.type, path: given.args };
  const { type, op, target, args = [] } = given;
  const { key } = target;
  const isHeader = type !== "request.query";
  const named = typeof key === "string" ? { key: isHeader ? key.toLowerCase() : key } : null;
  return {
    type,
    op,
    target: named ?? { tests: compileTests(key as GivenValue, `${path}.target.key`, budget, issues) },
    args: typeof args === "string" ? [args] : args,
  };
}

/** A `src` stands for the whole path: Vercel's own `normalizeRoutes` adds what is missing to it. */
const anchored = (given: string): string => {
  const source = given.replace(/\\.|\(\?P</gs, (found) => OF_PCRE[found] ?? found);
  const start = source.startsWith("^") ? source : `^${source}`;
  return start.endsWith("$") ? start : `${start}$`;
};

/** "PCRE-compatible", says the specification: what JavaScript writes otherwise. */
const OF_PCRE: Record<string, string> = { "\\A": "^", "\\z": "$", "\\Z": "$", "(?P<": "(?<" };

const lowerCased = (headers: Record<string, string>): [string, string][] =>
  Object.entries(headers).map(([name, text]) => [name.toLowerCase(), text]);

function compilePattern(
  source: string,
  caseSensitive: boolean,
  path: string,
  budget: Budget,
  issues: RouteIssue[],
): Pattern | undefined {
  const verdict = classify(source, caseSensitive, budget);
  if (verdict.ok) return verdict.pattern;
  const fix =
    verdict.code === "invalid"
      ? "Write it as a regular expression that JavaScript knows."
      : "Write it without nested or neighbouring repetitions such as (a+)+ or .*.*, or without look-behind and back-references.";
  issues.push(issue(path, verdict.detail, fix));
  return undefined;
}

function compileConditions(
  conditions: SourceRoute["has"],
  path: string,
  budget: Budget,
  issues: RouteIssue[],
): Condition[] | undefined {
  return conditions?.map((one, i) => {
    const tests = compileTests(one.value, `${path}[${i}].value`, budget, issues);
    return one.type === "host" ? { type: "host", tests } : { type: one.type, key: one.key, tests };
  });
}

function compileTests(
  given: GivenValue | undefined,
  path: string,
  budget: Budget,
  issues: RouteIssue[],
): ValueTest[] {
  if (given === undefined) return [];
  const regex = (source: string, at: string): ValueTest[] => {
    const pattern = compilePattern(source, true, at, budget, issues);
    return pattern ? [{ op: "matches", pattern }] : [];
  };
  if (typeof given === "string") return regex(`^(?:${given})$`, path);
  const tests: ValueTest[] = [];
  for (const op of ["eq", "neq", "pre", "suf"] as const) {
    const text = given[op];
    if (text !== undefined) tests.push({ op, value: String(text) });
  }
  for (const op of ["inc", "ninc"] as const) {
    const values = given[op];
    if (values) tests.push({ op, values });
  }
  for (const op of ["gt", "gte", "lt", "lte"] as const) {
    const number = given[op];
    if (number !== undefined) tests.push({ op, value: number });
  }
  return given.re === undefined ? tests : [...tests, ...regex(given.re, `${path}.re`)];
}

function parse<T>(schema: z.ZodType<T>, input: unknown, path: string, issues: RouteIssue[]): T | undefined {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  for (const found of result.error.issues) {
    const at = found.path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
    const isUnknown = found.code === "unrecognized_keys";
    const fix = isUnknown
      ? "Take it out: this platform does not know it, and does not ignore what it does not know."
      : "See the Build Output API's configuration of routes.";
    issues.push({
      ...issue(`${path}${at}`, found.message, fix),
      code: isUnknown ? "not_yet" : "invalid_output",
    });
  }
  return undefined;
}

const issue = (path: string, message: string, fix: string): RouteIssue => ({
  code: "invalid_output",
  path,
  message,
  fix,
});
