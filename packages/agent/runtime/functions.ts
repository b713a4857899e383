/** The functions of this process: found by name, loaded once, called with a limit of time. */
import type { IncomingMessage } from "node:http";
import { inspect } from "node:util";
import type { NodeFunction } from "@cloudify/protocol";
import { Ahead } from "./ahead.ts";
import { type Answer, answerInstead, FAULTS, newErrorId, Refusal, refuse } from "./faults.ts";
import { headersOf, type Internal, urlOf } from "./heads.ts";
import { type Loaded, load } from "./load.ts";
import { type Scope, scopes } from "./scopes.ts";

export class Functions {
  readonly #all: ReadonlyMap<string, NodeFunction>;
  readonly #root: string;
  readonly #loaded = new Map<string, Promise<Loaded>>();
  readonly #ahead: Ahead;
  readonly #onSpent: () => void;

  /** @param onSpent Another process may be able to load what this one could not: it should end, once it has answered. */
  constructor(all: ReadonlyMap<string, NodeFunction>, root: string, onSpent: () => void) {
    this.#all = all;
    this.#root = root;
    this.#ahead = new Ahead(all.size);
    this.#onSpent = onSpent;
  }

  /** The function's name in the output; the edge may have encoded what a header can't hold. */
  find(said: string): string | null {
    if (this.#all.has(said)) return said;
    try {
      const name = decodeURIComponent(said);
      return this.#all.has(name) ? name : null;
    } catch {
      return null;
    }
  }

  /**
   * Loads what there is, so that the first visitor need not wait. Failures are logged, and met again by the callers.
   *
   * @returns Why none of them can be called, where that is so.
   */
  async loadAhead(): Promise<string | null> {
    let first: string | null = null;
    await this.#ahead.all(this.#all.keys(), async (name) => {
      await this.load(name).catch((error: unknown) => {
        first ??= `"${name}": ${error instanceof Error ? `${error.name}: ${error.message}` : inspect(error)}`;
        scopes.run(scopeOf(name), () => console.error(inspect(error)));
      });
    });
    return this.#ahead.isHopeless ? first : null;
  }

  load(name: string): Promise<Loaded> {
    const one = this.#all.get(name);
    if (!one) throw new Error(`There is no function "${name}".`);
    // What a module does while it is loaded belongs to no request.
    const before = this.#loaded.get(name);
    if (before) return before;
    const loading = scopes.exit(() => load(name, this.#root, one));
    this.#loaded.set(name, loading);
    loading.then(
      () => this.#ahead.succeeded(),
      () => this.#ahead.failed(name, Date.now()),
    );
    return loading;
  }

  /** Answers in any case: what fails is answered, and never thrown. */
  async call(name: string, { timeoutMs }: Internal, req: IncomingMessage, res: Answer): Promise<void> {
    const own = (this.#all.get(name)?.maxDuration ?? 0) * 1000;
    const limit = Math.min(own, timeoutMs ?? own);
    const fail = (error: unknown): void => failed(name, res, error);
    await this.within(name, req, fail, async () => {
      const timer = setTimeout(() => {
        if (answerInstead(res, FAULTS.timeout(name, limit))) {
          console.error(`The function did not begin to answer within ${limit / 1000} s.`);
        }
      }, limit);
      res.once("close", () => clearTimeout(timer));
      const loaded = await this.load(name).catch((error: unknown) => {
        fail(error);
        if (this.#ahead.isWorthAnew(name, Date.now())) this.#onSpent();
        return null;
      });
      try {
        await loaded?.handle(req, res);
      } catch (error) {
        fail(error);
      }
    });
  }

  /** Runs something as a part of the answer to a request. */
  within<T>(name: string, req: IncomingMessage, fail: (error: unknown) => void, run: () => T): T {
    const call = {
      get headers() {
        return Object.fromEntries(headersOf(req));
      },
      url: urlOf(req),
      fail,
    };
    return scopes.run({ ...scopeOf(name), call }, run);
  }
}

const scopeOf = (name: string): Scope => ({ function: name, call: null, starting: null });

function failed(name: string, res: Answer, error: unknown): void {
  if (error instanceof Refusal && refuse(res, error)) return;
  // The visitor has gone, and what the function did for it was ended by that.
  if (res.destroyed && !res.writableFinished && isAbort(error)) return;
  const id = newErrorId();
  console.error(`${id} ${inspect(error)}`);
  if (answerInstead(res, FAULTS.threw(name, id))) return;
  // Half an answer must not look like a whole one.
  if (!res.writableEnded) res.destroy();
}

const isAbort = (error: unknown): boolean =>
  error instanceof Error && (error.name === "AbortError" || ("code" in error && error.code === "ECONNRESET"));
