/**
 * Whose code is running. Many requests share the process, so this follows each through its asynchronous work: a console
 * line knows its function by it, an error its request, and `waitUntil` the request it was called in.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Starting } from "./listening.ts";

export interface Call {
  headers: Record<string, string>;
  /** Absolute. */
  url: string;
  /** Answers in the function's place, if it has not begun to. */
  fail(error: unknown): void;
}

export interface Scope {
  /** The output's name. */
  function: string;
  /** `null` while the function is loaded. */
  call: Call | null;
  starting: Starting | null;
}

export const scopes = new AsyncLocalStorage<Scope>();

/** Work that goes on after the answer. */
export class Afterwards {
  readonly #pending = new Set<Promise<unknown>>();

  /** Accepts what libraries pass: a promise, or a function that returns one. Its failure is logged. */
  readonly add = (work: unknown): void => {
    const running = Promise.resolve(typeof work === "function" ? work() : work)
      .catch((error: unknown) => console.error("waitUntil:", error))
      .finally(() => this.#pending.delete(running));
    this.#pending.add(running);
  };

  /** Resolves when nothing is under way, also of what was added meanwhile. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }
}

/**
 * Lets libraries find the request: `@vercel/functions` under its symbol, `after()` of Next.js under its own. Next's
 * launcher takes the second object for its own if there is one, and then runs the storage that it keeps in it.
 */
export function shareContext(afterwards: Afterwards): void {
  const get = () => {
    const call = scopes.getStore()?.call;
    return call ? { waitUntil: afterwards.add, headers: call.headers, url: call.url } : undefined;
  };
  const storage = new AsyncLocalStorage();
  share("@vercel/request-context", { get });
  share("@next/request-context", {
    get: () => storage.getStore() ?? get(),
    [Symbol.for("internal.storage")]: storage,
  });
}

const share = (name: string, value: object): void => {
  Object.defineProperty(globalThis, Symbol.for(name), { value, writable: true, configurable: true });
};
