/**
 * Finds what answers a request: runs it through the route table, phase by phase, with looks at the outputs between.
 *
 *     main → [look] → filesystem → [look] → rewrite → [look] → resource → [look]
 *               └─ found ─→ hit                                     nothing ─┴─→ error
 *
 * A look is one at the outputs and, when nothing is there, the routes of `miss`.
 *
 * Knows neither stores nor responses. Source: Build Output API v3, "Configuration"; where its wording leaves the order
 * open, what Vercel's own builders emit decides.
 */
import { Address, type Place } from "./address.ts";
import { Carried } from "./carried.ts";
import { Asked, fulfil } from "./conditions.ts";
import { localeTarget } from "./locale.ts";
import { DENIED, done, ended, next, type Outcome } from "./outcome.ts";
import { match } from "./pattern.ts";
import type { FindOutput, Found, Middleware, Resolution, RoutingRequest, Said } from "./resolution.ts";
import { beginsLike, shortlist } from "./shortlist.ts";
import { type Captures, headerSafe, locationOf, substitute } from "./substitute.ts";
import type { CompiledRoute, Phase, RouteTable, Transform } from "./table.ts";
import { alter, headerChange, type RequestChange } from "./transforms.ts";

/** A table with many routes that match could look for ever; real ones look fewer than ten times. */
const MAX_LOOKS = 100;

/** Where the request is, to come back to. */
interface Mark extends Place {
  status: number | null;
}

const ORDER = ["main", "filesystem", "rewrite", "resource"] as const;

export function resolve<Output, Answer = never>(
  request: RoutingRequest,
  table: RouteTable,
  find: FindOutput<Output>,
  middleware: Middleware<Answer> | null = null,
): Promise<Resolution<Output, Answer>> {
  return new Resolver(request, table, find, middleware).run();
}

/**
 * The page that the error phase has for a status, when what was found could not answer.
 *
 * @param said With it: the page has those headers, too, as one has when nothing is found.
 */
export function resolveError<Output>(
  request: RoutingRequest,
  table: RouteTable,
  find: FindOutput<Output>,
  status: number,
  said: Said | null = null,
): Promise<Resolution<Output, never>> {
  return new Resolver<Output, never>(request, table, find, null, said).fail(status);
}

class Resolver<Output, Answer> {
  readonly #table: RouteTable;
  readonly #find: FindOutput<Output>;
  readonly #middleware: Middleware<Answer> | null;
  readonly #method: string;
  readonly #original: URL;
  readonly #at: Address;
  #asked: Asked;
  #location: string | null = null;
  #status: number | null = null;
  readonly #carried: Carried;
  /** Names of middlewares. */
  readonly #consulted = new Set<string>();
  #answer: { answer: Answer; fault: number | null } | null = null;
  #shownPath: string | null = null;
  #looks = 0;

  constructor(
    request: RoutingRequest,
    table: RouteTable,
    find: FindOutput<Output>,
    middleware: Middleware<Answer> | null,
    said: Said | null = null,
  ) {
    this.#table = table;
    this.#find = find;
    this.#middleware = middleware;
    this.#method = request.method;
    this.#original = request.url;
    this.#at = new Address(request.url);
    this.#carried = new Carried(said);
    const asked = new Asked(
      request.url.hostname,
      () => this.#at.query,
      (name) => request.header(name),
    );
    this.#asked = this.#carried.requestChanges.reduce((so, change) => so.changed(change), asked);
  }

  async run(): Promise<Resolution<Output, Answer>> {
    return this.#finished(await this.#run());
  }

  async fail(status: number): Promise<Resolution<Output, Answer>> {
    return this.#finished(await this.#error(status));
  }

  #finished(found: Found<Output, Answer>): Resolution<Output, Answer> {
    return { ...found, firm: this.#carried.firm(), responseChanges: this.#carried.responseChanges };
  }

  async #run(): Promise<Found<Output, Answer>> {
    for (const phase of ORDER) {
      const verdict = await this.#routes(phase);
      const looked = this.#isDecided() ? verdict : await this.#lookAfter(verdict);
      if (this.#answer) return this.#answered(this.#answer.answer, this.#answer.fault);
      if (this.#location !== null) return this.#redirect(this.#location);
      if (this.#at.external !== null) {
        const about = { url: this.#at.external, status: this.#status, headers: this.#carried.list() };
        return { kind: "external", ...about, changes: this.#carried.requestChanges };
      }
      if (looked.to === "deny") return { kind: "status", status: 403, headers: DENIED };
      if (looked.to === "refuse") return this.#error(this.#status ?? 404);
      if (looked.to === "found") return this.#hit(looked.output);
      if (looked.to === "status")
        return { kind: "status", status: looked.status, headers: this.#carried.list() };
      // A route that ended the phase has decided where to look.
      if (verdict.to === "done") break;
    }
    return this.#error(this.#status !== null && this.#status >= 400 ? this.#status : 404);
  }

  #isDecided(): boolean {
    return this.#answer !== null || this.#location !== null || this.#at.external !== null;
  }

  async #routes(phase: Phase): Promise<Outcome<Output>> {
    const routes = this.#table.phases[phase];
    let path = this.#at.pathname;
    let places = shortlist(routes, path);
    for (let i = 0; i < places.length; i++) {
      const place = places[i] ?? 0;
      const route = routes[place];
      const captures = route ? this.#matches(route) : null;
      if (!route || !captures) continue;
      const verdict = await this.#apply(phase, route, captures);
      if (verdict.to !== "next") return verdict;
      if (this.#at.pathname === path) continue;
      path = this.#at.pathname;
      places = shortlist(routes, path).filter((one) => one > place);
      i = -1;
    }
    return next;
  }

  async #lookAfter(verdict: Outcome<Output>): Promise<Outcome<Output>> {
    switch (verdict.to) {
      case "next":
      case "leave":
      case "done":
        return this.#look();
      case "status": {
        const there = await this.#there();
        return there.to === "next" ? verdict : there;
      }
      case "found":
      case "refuse":
      case "deny":
        return verdict;
    }
  }

  /** Looks for the path among the outputs; `miss`: “check matches after every filesystem miss”. */
  async #look(): Promise<Outcome<Output>> {
    const there = await this.#there();
    if (there.to !== "next") return there;
    if (this.#table.phases.miss.length === 0) return next;
    const before = this.#save();
    this.#carried.settle();
    const missed = await this.#routes("miss");
    this.#carried.unsettle();
    if (missed.to === "next") this.#restore(before);
    return missed;
  }

  async #there(): Promise<Outcome<Output>> {
    if (++this.#looks > MAX_LOOKS) {
      this.#status = 508;
      return { to: "refuse" };
    }
    const output = await this.#find(this.#at.pathname);
    return output === undefined ? next : { to: "found", output };
  }

  #save(): Mark {
    return { ...this.#at.save(), status: this.#status };
  }

  #restore({ status, ...place }: Mark): void {
    this.#at.restore(place);
    this.#status = status;
  }

  #matches(route: CompiledRoute): Captures | null {
    const { pattern, methods, has, missing } = route;
    if (methods && !methods.includes(this.#method)) return null;
    const path = this.#at.pathname;
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
    const wildcard = this.#table.wildcard[this.#asked.host];
    // Its pages are those of the hosts that are listed.
    if (wildcard === undefined && route.dest?.includes("$wildcard")) return null;
    return { ...captures, wildcard: wildcard ?? "" };
  }

  async #apply(phase: Phase, route: CompiledRoute, captures: Captures): Promise<Outcome<Output>> {
    if (route.mitigate === "deny") return { to: "deny" };
    if (route.locale) {
      const language = this.#asked.header("accept-language");
      const place = { url: this.#original, path: this.#at.pathname };
      const to = localeTarget(route.locale, place, this.#asked.cookies, language);
      if (to !== null) return this.#leave(to, 307, captures);
    }
    const { middlewarePath: name } = route;
    // Builders write one route for each matcher of a middleware: it is asked once.
    if (name !== undefined && this.#middleware && !this.#consulted.has(name)) {
      const before = this.#at.pathname;
      this.#consulted.add(name);
      await this.#consult(this.#middleware, name);
      if (this.#answer || this.#at.external !== null) return done;
      if (before !== this.#at.pathname && route.dest === undefined) {
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
    const before = route.check ? this.#save() : null;
    if (route.dest !== undefined && !this.#at.rewrite(route.dest, captures)) {
      this.#status = 508;
      return { to: "refuse" };
    }
    if (this.#at.external !== null) return done;
    if (before) return this.#check(phase, before);
    if (route.continue) return next;
    return route.dest === undefined ? ended(route) : done;
  }

  #transform(transform: Transform, captures: Captures): void {
    if (transform.type === "request.path") {
      const path = substitute(transform.path, captures).replace(/^[/\\]+/, "/");
      this.#shownPath = new URL(`http://path.internal${path}`).pathname;
      return;
    }
    const values = transform.args.map((one) => headerSafe(substitute(one, captures)));
    switch (transform.type) {
      case "request.query":
        alter(this.#at.ownQuery, this.#at.ownQuery.keys(), transform, values);
        return;
      case "request.headers":
        this.#change(headerChange(transform, values));
        return;
      case "response.headers":
        this.#carried.responseChanges = [...this.#carried.responseChanges, headerChange(transform, values)];
    }
  }

  async #consult(middleware: Middleware<Answer>, name: string): Promise<void> {
    const decision = await middleware(name, this.#at.shown(), this.#carried.requestChanges);
    if (decision.kind !== "go-on") {
      this.#answer = { answer: decision.answer, fault: decision.kind === "fault" ? decision.status : null };
      return;
    }
    for (const [header, value] of decision.headers) {
      if (header === "set-cookie") this.#carried.addCookie(value);
      else this.#carried.set(header, value);
    }
    if (decision.request) this.#change(decision.request);
    if (decision.rewrite !== null) this.#at.move(decision.rewrite);
  }

  /** Conditions of later routes see the request as the middleware left it. */
  #change(change: RequestChange): void {
    this.#carried.requestChanges = [...this.#carried.requestChanges, change];
    this.#asked = this.#asked.changed(change);
  }

  /**
   * “If true, the route triggers handle: 'filesystem' and handle: 'rewrite'.” Where that finds nothing the next route of the
   * phase goes on: with the new path, except where each route is a guess of its own.
   */
  async #check(phase: Phase, before: Mark): Promise<Outcome<Output>> {
    switch (phase) {
      case "main":
        return { to: "leave" };
      case "miss":
        if (before.pathname !== this.#at.pathname) return this.#there();
        return this.#status !== null && this.#status >= 400 ? { to: "refuse" } : next;
      case "rewrite": {
        const looked = await this.#look();
        if (looked.to === "next") this.#restore(before);
        return looked;
      }
      default: {
        const looked = await this.#look();
        return looked.to === "next" ? this.#routes("rewrite") : looked;
      }
    }
  }

  #setHeaders(route: CompiledRoute, captures: Captures): void {
    for (const [name, template] of route.headers ?? []) {
      if (name === "location") this.#location = locationOf(template, captures, this.#original.searchParams);
      else this.#carried.set(name, headerSafe(substitute(template, captures)), route.important);
    }
  }

  #leave(template: string, status: number, captures: Captures): Outcome<never> {
    this.#location = locationOf(template, captures, this.#original.searchParams);
    this.#status = status;
    return done;
  }

  /** A middleware that failed has kept the request from everything: only the error phase may say so nicely. */
  async #answered(answer: Answer, fault: number | null): Promise<Found<Output, Answer>> {
    const page = fault === null ? null : await this.#error(fault);
    return page?.kind === "output" ? page : { kind: "answer", answer, headers: this.#carried.list() };
  }

  #redirect(location: string): Found<Output, Answer> {
    const isRedirect = this.#status !== null && this.#status >= 300 && this.#status <= 399;
    return {
      kind: "redirect",
      status: isRedirect ? (this.#status ?? 307) : 307,
      location,
      headers: this.#carried.list(),
    };
  }

  /** What routes have said before stands: a framework's headers come last, and a project's own are to hold. */
  async #hit(output: Output): Promise<Found<Output, Answer>> {
    this.#carried.settle();
    for (const route of this.#table.phases.hit) {
      const captures = this.#matches(route);
      if (!captures) continue;
      this.#setHeaders(route, captures);
      if (!route.continue) break;
    }
    const headers = this.#carried.list();
    return {
      kind: "output",
      output,
      pathname: this.#at.pathname,
      query: this.#at.changedQuery,
      status: this.#status,
      headers,
      changes: this.#carried.requestChanges,
      shownPath: this.#shownPath,
    };
  }

  /** The error phase: the first route for this status whose destination is there gives the page. */
  async #error(status: number): Promise<Found<Output, Answer>> {
    this.#carried.forgetCaching();
    for (const route of this.#table.phases.error) {
      if (route.status !== undefined && route.status !== status) continue;
      const captures = this.#matches(route);
      if (!captures) continue;
      this.#setHeaders(route, captures);
      if (route.dest === undefined) continue;
      const before = this.#at.save();
      const isHere = this.#at.rewrite(route.dest, captures) && this.#at.external === null;
      const output = isHere ? await this.#find(this.#at.pathname) : undefined;
      if (output === undefined) {
        this.#at.restore(before);
        continue;
      }
      const about = {
        pathname: this.#at.pathname,
        query: this.#at.changedQuery,
        status,
        headers: this.#carried.list(),
      };
      return { kind: "output", output, ...about, changes: this.#carried.requestChanges, shownPath: null };
    }
    return { kind: "status", status, headers: this.#carried.list() };
  }
}
