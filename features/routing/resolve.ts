/**
 * Finds what answers a request: runs it through the route table, phase by phase, with looks at the outputs between.
 *
 *     main → [outputs] → filesystem → [outputs] → rewrite → resource → miss
 *                 └─ found ─→ hit                                    └─ nothing ─→ error
 *
 * Knows neither stores nor responses. Source: Build Output API v3, "Configuration"; where its wording leaves the order
 * open, what Vercel's own builders emit decides.
 */
import { type Asked, fulfil, parseCookies } from "./conditions.ts";
import { localeTarget } from "./locale.ts";
import { MAX_PATH } from "./path.ts";
import { match } from "./pattern.ts";
import { type Captures, headerSafe, isAbsolute, localTarget, mergeQuery, substitute } from "./substitute.ts";
import type { CompiledRoute, Phase, RouteTable } from "./table.ts";

export interface RoutingRequest {
  method: string;
  url: URL;
  header(name: string): string | null;
}

/** @param pathname As in a URL: with a leading slash, percent-encoded. */
export type FindOutput<Output> = (pathname: string) => Promise<Output | undefined>;

export type HeaderList = [name: string, value: string][];

export type Resolution<Output> =
  | {
      kind: "output";
      output: Output;
      pathname: string;
      query: URLSearchParams;
      status: number | null;
      headers: HeaderList;
    }
  | { kind: "redirect"; status: number; location: string; headers: HeaderList }
  | { kind: "external"; url: string; status: number | null; headers: HeaderList }
  | { kind: "status"; status: number; headers: HeaderList };

/** A table can send a path round and round; real ones need fewer than ten. */
const MAX_PHASES = 50;

const NEXT: Record<Phase, Phase> = {
  main: "filesystem",
  filesystem: "rewrite",
  rewrite: "resource",
  resource: "miss",
  miss: "miss",
  hit: "hit",
  error: "error",
};

export function resolve<Output>(
  request: RoutingRequest,
  table: RouteTable,
  find: FindOutput<Output>,
): Promise<Resolution<Output>> {
  return new Resolver(request, table, find).run();
}

type Verdict = { to: "next" } | { to: "done" } | { to: "refuse" } | { to: "phase"; phase: Phase };
const next: Verdict = { to: "next" };
const done: Verdict = { to: "done" };

class Resolver<Output> {
  readonly #table: RouteTable;
  readonly #find: FindOutput<Output>;
  readonly #method: string;
  readonly #original: URL;
  readonly #asked: Asked;
  #pathname: string;
  #query: URLSearchParams;
  #external: string | null = null;
  #location: string | null = null;
  #status: number | null = null;
  #headers = new Map<string, string>();
  #important = new Map<string, string>();

  constructor(request: RoutingRequest, table: RouteTable, find: FindOutput<Output>) {
    this.#table = table;
    this.#find = find;
    this.#method = request.method;
    this.#original = request.url;
    this.#pathname = request.url.pathname;
    this.#query = new URLSearchParams(request.url.searchParams);
    this.#asked = {
      host: request.url.hostname,
      query: this.#query,
      header: (name) => request.header(name),
      cookies: parseCookies(request.header("cookie")),
    };
  }

  async run(): Promise<Resolution<Output>> {
    let phase: Phase = "main";
    for (let count = 0; count < MAX_PHASES; count++) {
      const verdict = await this.#routes(phase);
      if (this.#location !== null) return this.#redirect(this.#location);
      if (this.#external !== null) {
        return { kind: "external", url: this.#external, status: this.#status, headers: this.#list() };
      }
      if (verdict.to === "refuse") return this.#error(this.#status ?? 404);
      if (verdict.to === "phase") {
        phase = verdict.phase;
        continue;
      }
      const output = await this.#find(this.#pathname);
      if (output !== undefined) return this.#hit(output);
      if (phase === "miss")
        return this.#error(this.#status !== null && this.#status >= 400 ? this.#status : 404);
      // A route that ended the phase has decided: only `miss` may still help.
      phase = verdict.to === "next" ? NEXT[phase] : "miss";
    }
    return this.#error(508);
  }

  async #routes(phase: Phase): Promise<Verdict> {
    for (const route of this.#table.phases[phase]) {
      const captures = this.#matches(route);
      const verdict = captures ? await this.#apply(phase, route, captures) : next;
      if (verdict.to !== "next") return verdict;
    }
    return next;
  }

  #matches(route: CompiledRoute): Captures | null {
    const { pattern, methods, has, missing } = route;
    if (methods && !methods.includes(this.#method)) return null;
    const path = this.#pathname;
    if (pattern.prefix !== "") {
      const start = path.slice(0, pattern.prefix.length);
      if ((pattern.caseSensitive ? start : start.toLowerCase()) !== pattern.prefix) return null;
    }
    const found = match(pattern, path);
    if (!found) return null;
    let captures: Captures = Object.assign({}, found.groups, found.named) as unknown as Captures;
    for (const condition of has ?? []) {
      const more = fulfil(condition, this.#asked);
      if (!more) return null;
      captures = { ...captures, ...more };
    }
    if (missing?.some((condition) => fulfil(condition, this.#asked))) return null;
    return { ...captures, wildcard: this.#table.wildcard[this.#asked.host] ?? "" };
  }

  async #apply(phase: Phase, route: CompiledRoute, captures: Captures): Promise<Verdict> {
    if (route.override) {
      this.#status = null;
      this.#headers.clear();
      this.#important.clear();
    }
    if (route.locale) {
      const language = this.#asked.header("accept-language");
      const to = localeTarget(route.locale, this.#pathname, this.#asked.cookies, language);
      if (to !== null) return this.#leave(to, 307, captures);
    }
    this.#setHeaders(route, captures);
    if (route.status !== undefined) this.#status = route.status;
    const isRedirect = route.status !== undefined && route.status >= 300 && route.status <= 399;
    if (this.#location !== null) return done;
    if (isRedirect && route.dest !== undefined) return this.#leave(route.dest, route.status ?? 307, captures);
    const before = this.#pathname;
    if (route.dest !== undefined && !this.#rewrite(route.dest, captures)) {
      this.#status = 508;
      return { to: "refuse" };
    }
    if (this.#external !== null) return done;
    if (route.check) return this.#check(phase, before);
    if (route.continue) return next;
    const isRefusal = route.dest === undefined && route.status !== undefined && route.status >= 400;
    return isRefusal ? { to: "refuse" } : done;
  }

  /** `check`: the new path is looked up; when it is not there the table is entered again with it. */
  async #check(phase: Phase, before: string): Promise<Verdict> {
    if (before === this.#pathname) {
      if (phase !== "miss") return { to: "phase", phase: NEXT[phase] };
      this.#status = 404;
      return done;
    }
    if (phase !== "miss") return { to: "phase", phase: "main" };
    if ((await this.#find(this.#pathname)) === undefined) return { to: "phase", phase: "filesystem" };
    if (this.#status === 404) this.#status = null;
    return done;
  }

  #setHeaders(route: CompiledRoute, captures: Captures): void {
    for (const [name, template] of route.headers ?? []) {
      const value = headerSafe(substitute(template, captures));
      if (name === "location") {
        const target = localTarget(template, value);
        this.#location = mergeQuery(target, this.#original.searchParams);
      } else if (route.important) this.#important.set(name, value);
      else this.#headers.set(name, value);
    }
  }

  #leave(template: string, status: number, captures: Captures): Verdict {
    const target = localTarget(template, headerSafe(substitute(template, captures)));
    this.#location = mergeQuery(target, this.#original.searchParams);
    this.#status = status;
    return done;
  }

  /** @returns Whether it could: a table that doubles the path each time round is stopped here. */
  #rewrite(template: string, captures: Captures): boolean {
    const dest = substitute(template, captures);
    if (dest.length > MAX_PATH) return false;
    if (isAbsolute(template) || isAbsolute(dest)) {
      this.#external = mergeQuery(dest, this.#query);
      return true;
    }
    const url = new URL(`/${dest.replace(/^\/+/, "")}`, "http://rewrite.internal");
    this.#pathname = url.pathname;
    for (const key of new Set(url.searchParams.keys())) {
      this.#query.delete(key);
      for (const one of url.searchParams.getAll(key)) this.#query.append(key, one);
    }
    return true;
  }

  #redirect(location: string): Resolution<Output> {
    const isRedirect = this.#status !== null && this.#status >= 300 && this.#status <= 399;
    return {
      kind: "redirect",
      status: isRedirect ? (this.#status ?? 307) : 307,
      location,
      headers: this.#list(),
    };
  }

  async #hit(output: Output): Promise<Resolution<Output>> {
    for (const route of this.#table.phases.hit) {
      const captures = this.#matches(route);
      if (!captures) continue;
      this.#setHeaders(route, captures);
      if (!route.continue) break;
    }
    const headers = this.#list();
    return {
      kind: "output",
      output,
      pathname: this.#pathname,
      query: this.#query,
      status: this.#status,
      headers,
    };
  }

  /** The error phase: the first route for this status whose destination is there gives the page. */
  async #error(status: number): Promise<Resolution<Output>> {
    for (const route of this.#table.phases.error) {
      if (route.status !== undefined && route.status !== status) continue;
      const captures = this.#matches(route);
      if (!captures) continue;
      this.#setHeaders(route, captures);
      if (route.dest === undefined) continue;
      if (!this.#rewrite(route.dest, captures)) continue;
      const output = await this.#find(this.#pathname);
      if (output === undefined) continue;
      const headers = this.#list();
      return { kind: "output", output, pathname: this.#pathname, query: this.#query, status, headers };
    }
    return { kind: "status", status, headers: this.#list() };
  }

  #list(): HeaderList {
    return [...new Map([...this.#headers, ...this.#important])];
  }
}
