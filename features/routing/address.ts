/**
 * Where a request is on its way through the table: its path and query, as routes and middlewares have changed them, or
 * the address outside that they have led it to. Knows no route.
 */
import { MAX_PATH } from "./path.ts";
import { type Captures, isAbsolute, mergeQuery, substituteAddress } from "./substitute.ts";

export interface Place {
  pathname: string;
  query: URLSearchParams | null;
  external: string | null;
}

export class Address {
  /** Percent-encoded. */
  pathname: string;
  /** A URL, when it leaves this host. */
  external: string | null = null;
  readonly #original: URL;
  #changedQuery: URLSearchParams | null = null;

  constructor(original: URL) {
    this.#original = original;
    this.pathname = original.pathname;
  }

  /** `null`: nothing has changed it. */
  get changedQuery(): URLSearchParams | null {
    return this.#changedQuery;
  }

  /** To be read only. */
  get query(): URLSearchParams {
    return this.#changedQuery ?? this.#original.searchParams;
  }

  /** To be changed: the request's own stays as it is. */
  get ownQuery(): URLSearchParams {
    this.#changedQuery ??= new URLSearchParams(this.#original.searchParams);
    return this.#changedQuery;
  }

  /** The visitor's, with the query that routes have added. */
  shown(): URL {
    const url = new URL(this.#original);
    if (this.#changedQuery) url.search = this.#changedQuery.toString();
    return url;
  }

  save(): Place {
    const query = this.#changedQuery && new URLSearchParams(this.#changedQuery);
    return { pathname: this.pathname, query, external: this.external };
  }

  restore({ pathname, query, external }: Place): void {
    this.pathname = pathname;
    this.external = external;
    this.#changedQuery = query;
  }

  /** A middleware's rewrite: the query is its own. What is no address leads nowhere else. */
  move(to: string): void {
    if (!URL.canParse(to, this.#original)) return;
    const target = new URL(to, this.#original);
    if (target.host !== this.#original.host) {
      this.external = target.href;
      return;
    }
    this.pathname = target.pathname;
    this.#changedQuery = new URLSearchParams(target.searchParams);
  }

  /** A route's `dest`. @returns Whether it could: a table that doubles the path each time round is stopped here. */
  rewrite(template: string, captures: Captures): boolean {
    const dest = substituteAddress(template, captures);
    if (dest.length > MAX_PATH) return false;
    if (isAbsolute(template) || isAbsolute(dest)) {
      const { search, searchParams } = this.#original;
      // As it was written, where nothing has changed it: to a server, `?raw` and `?raw=` may differ.
      const isAsWritten = !dest.includes("?") && this.query.toString() === searchParams.toString();
      this.external = isAsWritten ? dest + search : mergeQuery(dest, this.query);
      return true;
    }
    const url = new URL(`/${dest.replace(/^\/+/, "")}`, "http://rewrite.internal");
    this.pathname = url.pathname;
    if (url.search === "") return true;
    for (const key of new Set(url.searchParams.keys())) {
      this.ownQuery.delete(key);
      for (const one of url.searchParams.getAll(key)) this.ownQuery.append(key, one);
    }
    return true;
  }
}
