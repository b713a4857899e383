/** The functions of this process: found by name, loaded once, called with a limit of time. */
import type { IncomingMessage } from "node:http";
import { inspect } from "node:util";
import type { NodeFunction } from "@cloudify/protocol";
import { type Answer, answerInstead, FAULTS, newErrorId, Refusal, refuse } from "./faults.ts";
import { headersOf, type Internal, urlOf } from "./heads.ts";
import { type Loaded, load } from "./load.ts";
import { type Scope, scopes } from "./scopes.ts";

/** So long at most a process loads its functions before it takes requests; what is left is loaded when it is called. */
const AHEAD_LIMIT_MS = 5_000;

export class Functions {
  readonly #all: ReadonlyMap<string, NodeFunction>;
  readonly #root: string;
  readonly #loaded = new Map<string, Promise<Loaded>>();

  constructor(all: ReadonlyMap<string, NodeFunction>, root: string) {
    this.#all = all;
    this.#root = root;
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

  /** Loads what there is, so that the first visitor need not wait. Failures are logged, and met again by the callers. */
  async loadAhead(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, AHEAD_LIMIT_MS);
    });
    const end = Date.now() + AHEAD_LIMIT_MS;
    const each = async (): Promise<void> => {
      for (const name of this.#all.keys()) {
        if (Date.now() > end) return;
        await this.load(name).catch((error: unknown) => {
          scopes.run(scopeOf(name), () => console.error(inspect(error)));
        });
      }
    };
    await Promise.race([each(), late]);
    clearTimeout(timer);
  }

  load(name: string): Promise<Loaded> {
    const one = this.#all.get(name);
    if (!one) throw new Error(`There is no function "${name}".`);
    // What a module does while it is loaded belongs to no request.
    const loading = this.#loaded.get(name) ?? scopes.exit(() => load(name, this.#root, one));
    this.#loaded.set(name, loading);
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
      try {
        const { handle } = await this.load(name);
        await handle(req, res);
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
