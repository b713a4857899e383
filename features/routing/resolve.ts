/**
 * Finds what answers a request: runs it through the route table, phase by phase, with looks at the outputs between.
 *
 *     main → [outputs] → filesystem → [outputs] → rewrite → resource → miss
 *                 └─ found ─→ hit                                    └─ nothing ─→ error
 *
 * Knows neither stores nor responses. Source: Build Output API v3, "Configuration"; where its wording leaves the order
 * open, what Vercel's own builders emit decides.
 */
import type { HeaderList } from "#core/headers.ts";
import type { Verdict } from "#features/functions/middleware.ts";
import { Asked, fulfil } from "./conditions.ts";
import { localeTarget } from "./locale.ts";
import { MAX_PATH } from "./path.ts";
import { match } from "./pattern.ts";
import { beginsLike, shortlist } from "./shortlist.ts";
import { type Captures, headerSafe, isAbsolute, localTarget, mergeQuery, substitute } from "./substitute.ts";
import type { CompiledRoute, Phase, RouteTable, Transform } from "./table.ts";
import { alter, headerChange, type RequestChange } from "./transforms.ts";

export interface RoutingRequest {
  method: string;
  url: URL;
  header(name: string): string | null;
}

/** What a middleware decided: an answer of its own, or how the request goes on. */
export type Decision<Answer> = { kind: "answer"; answer: Answer } | Extract<Verdict, { kind: "go-on" }>;

/** @param url As the visitor sees it, with the query that routes have added. @param changes Of earlier ones. */
export type Middleware<Answer> = (
  name: string,
  url: URL,
  changes: readonly RequestChange[],
) => Promise<Decision<Answer>>;

/** @param pathname As in a URL: with a leading slash, percent-encoded. */
export type FindOutput<Output> = (pathname: string) => Promise<Output | undefined>;

export type Resolution<Output, Answer> =
  | { kind: "answer"; answer: Answer; headers: HeaderList }
  | {
      kind: "output";
      output: Output;
      pathname: string;
      /** `null`: as it came. */
      query: URLSearchParams | null;
      status: number | null;
      headers: HeaderList;
      /** What middlewares changed of the request's headers. */
      changes: readonly RequestChange[];
    }
  | { kind: "redirect"; status: number; location: string; headers: HeaderList }
  | {
      kind: "external";
      url: string;
      status: number | null;
      headers: HeaderList;
      changes: readonly RequestChange[];
    }
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

export function resolve<Output, Answer = never>(
  request: RoutingRequest,
  table: RouteTable,
  find: FindOutput<Output>,
  middleware: Middleware<Answer> | null = null,
): Promise<Resolution<Output, Answer>> {
  return new Resolver(request, table, find, middleware).run();
}

type Outcome = { to: "next" } | { to: "done" } | { to: "refuse" } | { to: "phase"; phase: Phase };
const next: Outcome = { to: "next" };
const done: Outcome = { to: "done" };

class Resolver<Output, Answer> {
  readonly #table: RouteTable;
  readonly #find: FindOutput<Output>;
  readonly #middleware: Middleware<Answer> | null;
  readonly #method: string;
  readonly #original: URL;
  #asked: Asked;
  #pathname: string;
  /** `null`: nothing has changed it. */
  #changedQuery: URLSearchParams | null = null;
  #external: string | null = null;
  #location: string | null = null;
  #status: number | null = null;
  #headers = new Map<string, string>();
  #important = new Map<string, string>();
  /** Headers of middlewares that may stand more than once. */
  #cookies: HeaderList = [];
  #changes: RequestChange[] = [];
  #answer: { answer: Answer } | null = null;

  constructor(
    request: RoutingRequest,
    table: RouteTable,
    find: FindOutput<Output>,
    middleware: Middleware<Answer> | null,
  ) {
    this.#table = table;
    this.#find = find;
    this.#middleware = middleware;
    this.#method = request.method;
    this.#original = request.url;
    this.#pathname = request.url.pathname;
    this.#asked = new Asked(
      request.url.hostname,
      () => this.#query,
      (name) => request.header(name),
    );
  }

  /** To be read only. */
  get #query(): URLSearchParams {
    return this.#changedQuery ?? this.#original.searchParams;
  }

  /** To be changed: the request's own stays as it is. */
  get #ownQuery(): URLSearchParams {
    this.#changedQuery ??= new URLSearchParams(this.#original.searchParams);
    return this.#changedQuery;
  }

  async run(): Promise<Resolution<Output, Answer>> {
    let phase: Phase = "main";
    for (let count = 0; count < MAX_PHASES; count++) {
      const verdict = await this.#routes(phase);
      if (this.#answer) return { kind: "answer", answer: this.#answer.answer, headers: this.#list() };
      if (this.#location !== null) return this.#redirect(this.#location);
      if (this.#external !== null) {
        const about = { url: this.#external, status: this.#status, headers: this.#list() };
        return { kind: "external", ...about, changes: this.#changes };
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

  async #routes(phase: Phase): Promise<Outcome> {
    const routes = this.#table.phases[phase];
    let path = this.#pathname;
    let places = shortlist(routes, path);
    for (let i = 0; i < places.length; i++) {
      const place = places[i] ?? 0;
      const route = routes[place];
      const captures = route ? this.#matches(route) : null;
      if (!route || !captures) continue;
      const verdict = await this.#apply(phase, route, captures);
      if (verdict.to !== "next") return verdict;
      if (this.#pathname === path) continue;
      path = this.#pathname;
      places = shortlist(routes, path).filter((one) => one > place);
      i = -1;
    }
    return next;
  }

  #matches(route: CompiledRoute): Captures | null {
    const { pattern, methods, has, missing } = route;
    if (methods && !methods.includes(this.#method)) return null;
    const path = this.#pathname;
    if (!beginsLike(route, path)) return null;
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

  async #apply(phase: Phase, route: CompiledRoute, captures: Captures): Promise<Outcome> {
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
    if (route.middlewarePath !== undefined && this.#middleware) {
      const before = this.#pathname;
      await this.#ask(this.#middleware, route.middlewarePath);
      if (this.#answer || this.#external !== null) return done;
      if (before !== this.#pathname && route.dest === undefined) {
        this.#setHeaders(route, captures);
        return next;
      }
    }
    this.#setHeaders(route, captures);
    for (const one of route.transforms ?? []) this.#transform(one, captures);
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

  #transform(transform: Transform, captures: Captures): void {
    const values = transform.args.map((one) => headerSafe(substitute(one, captures)));
    switch (transform.type) {
      case "request.query":
        alter(this.#ownQuery, this.#ownQuery.keys(), transform, values);
        return;
      case "request.headers":
        this.#change(headerChange(transform, values));
        return;
      case "response.headers": {
        const headers = new Headers([...this.#headers]);
        alter(headers, headers.keys(), transform, values);
        this.#headers = new Map(headers);
      }
    }
  }

  async #ask(middleware: Middleware<Answer>, name: string): Promise<void> {
    const url = new URL(this.#original);
    if (this.#changedQuery) url.search = this.#changedQuery.toString();
    const decision = await middleware(name, url, this.#changes);
    if (decision.kind === "answer") {
      this.#answer = { answer: decision.answer };
      return;
    }
    for (const [header, value] of decision.headers) {
      if (header === "set-cookie") this.#cookies.push([header, value]);
      else this.#headers.set(header, value);
    }
    if (decision.request) this.#change(decision.request);
    if (decision.rewrite !== null && URL.canParse(decision.rewrite, this.#original)) {
      const target = new URL(decision.rewrite, this.#original);
      if (target.host !== this.#original.host) this.#external = target.href;
      else {
        this.#pathname = target.pathname;
        this.#changedQuery = new URLSearchParams(target.searchParams);
      }
    }
  }

  /** Conditions of later routes see the request as the middleware left it. */
  #change(change: RequestChange): void {
    this.#changes = [...this.#changes, change];
    const { header: before } = this.#asked;
    const header = (name: string): string | null => change.read(name.toLowerCase(), before(name));
    this.#asked = new Asked(this.#asked.host, this.#asked.query, header);
  }

  /** `check`: the new path is looked up; when it is not there the table is entered again with it. */
  async #check(phase: Phase, before: string): Promise<Outcome> {
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

  #leave(template: string, status: number, captures: Captures): Outcome {
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
      const { search, searchParams } = this.#original;
      // As it was written, where nothing has changed it: to a server, `?raw` and `?raw=` may differ.
      const isAsWritten = !dest.includes("?") && this.#query.toString() === searchParams.toString();
      this.#external = isAsWritten ? dest + search : mergeQuery(dest, this.#query);
      return true;
    }
    const url = new URL(`/${dest.replace(/^\/+/, "")}`, "http://rewrite.internal");
    this.#pathname = url.pathname;
    if (url.search === "") return true;
    for (const key of new Set(url.searchParams.keys())) {
      this.#ownQuery.delete(key);
      for (const one of url.searchParams.getAll(key)) this.#ownQuery.append(key, one);
    }
    return true;
  }

  #redirect(location: string): Resolution<Output, Answer> {
    const isRedirect = this.#status !== null && this.#status >= 300 && this.#status <= 399;
    return {
      kind: "redirect",
      status: isRedirect ? (this.#status ?? 307) : 307,
      location,
      headers: this.#list(),
    };
  }

  async #hit(output: Output): Promise<Resolution<Output, Answer>> {
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
      query: this.#changedQuery,
      status: this.#status,
      headers,
      changes: this.#changes,
    };
  }

  /** The error phase: the first route for this status whose destination is there gives the page. */
  async #error(status: number): Promise<Resolution<Output, Answer>> {
    for (const route of this.#table.phases.error) {
      if (route.status !== undefined && route.status !== status) continue;
      const captures = this.#matches(route);
      if (!captures) continue;
      this.#setHeaders(route, captures);
      if (route.dest === undefined) continue;
      if (!this.#rewrite(route.dest, captures)) continue;
      const output = await this.#find(this.#pathname);
      if (output === undefined) continue;
      const about = { pathname: this.#pathname, query: this.#changedQuery, status, headers: this.#list() };
      return { kind: "output", output, ...about, changes: this.#changes };
    }
    return { kind: "status", status, headers: this.#list() };
  }

  #list(): HeaderList {
    return [...new Map([...this.#headers, ...this.#important]), ...this.#cookies];
  }
}
