/**
 * What routes and middlewares say of the headers, on the way to what answers: of the answer's, by name, and how those of
 * request and answer are to be changed. Knows no route and no request.
 */
import type { HeaderList } from "#core/headers.ts";
import type { Said } from "./resolution.ts";
import type { RequestChange } from "./transforms.ts";

export class Carried {
  /** Of the request; functions are given the result. */
  requestChanges: readonly RequestChange[] = [];
  /** Of the finished answer, whoever made it. */
  responseChanges: readonly RequestChange[] = [];
  readonly #headers = new Map<string, string>();
  readonly #important = new Map<string, string>();
  readonly #cookies: HeaderList = [];
  /** Names that only an important route may set. */
  #settled: ReadonlySet<string> = new Set();

  /** @param said What to begin with. */
  constructor(said: Said | null = null) {
    if (!said) return;
    this.requestChanges = said.changes;
    for (const [name, value] of said.headers) {
      if (name === "set-cookie") this.addCookie(value);
      else this.set(name, value, said.firm.has(name));
    }
  }

  /** @param isImportant Then no later route can set it again. */
  set(name: string, value: string, isImportant: boolean | undefined = false): void {
    if (isImportant) this.#important.set(name, value);
    else if (!this.#settled.has(name)) this.#headers.set(name, value);
  }

  /** Until {@link unsettle}, what is set stays, and the rest is filled in. */
  settle(): void {
    this.#settled = new Set(this.#headers.keys());
  }

  unsettle(): void {
    this.#settled = new Set();
  }

  addCookie(value: string): void {
    this.#cookies.push(["set-cookie", value]);
  }

  /** What routes said of how long to keep a page was not meant for its absence. */
  forgetCaching(): void {
    for (const headers of [this.#headers, this.#important]) headers.delete("cache-control");
  }

  /** Names of headers that stand whatever a function says. */
  firm(): ReadonlySet<string> {
    return new Set(this.#important.keys());
  }

  list(): HeaderList {
    return [...new Map([...this.#headers, ...this.#important]), ...this.#cookies];
  }
}
