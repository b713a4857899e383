/**
 * Holds the cluster to what was applied: what somebody edits or deletes by hand is applied again, and what has a tombstone
 * but comes back is removed again; both under the stamp that they were given, so behind the fence.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Applied, Stamp } from "../driver.ts";
import { hasDrifted } from "./drift.ts";
import type { Plural } from "./kinds.ts";
import { stampOf } from "./names.ts";
import type { FencedStore, Written } from "./store.ts";
import type { KubeObject } from "./types.ts";
import { WORKLOAD_KINDS } from "./workload.ts";

const AGAIN_MS = 2_000;

interface Wanted {
  stamp: Stamp;
  objects: readonly Written[];
}

export class Correction {
  readonly #store: FencedStore;
  readonly #wanted = new Map<string, Wanted>();
  readonly #removed = new Map<string, Stamp>();
  readonly #astray = new Set<string>();
  /** One write at a time for a name. */
  readonly #busy = new Map<string, Promise<unknown>>();
  readonly #ending = new AbortController();
  #working: Promise<void> | null = null;

  constructor(store: FencedStore) {
    this.#store = store;
  }

  put(name: string, objects: readonly Written[], stamp: Stamp, signal: AbortSignal): Promise<Applied> {
    return this.#alone(name, async () => {
      const applied = await this.#store.put(objects, stamp, signal);
      if (applied.ok) {
        this.#wanted.set(name, { stamp, objects });
        this.#removed.delete(name);
        this.#astray.delete(name);
      }
      return applied;
    });
  }

  remove(name: string, stamp: Stamp, signal: AbortSignal): Promise<Applied> {
    return this.#alone(name, async () => {
      const applied = await this.#store.remove(named(name), stamp, signal);
      if (applied.ok) {
        this.#wanted.delete(name);
        this.#removed.set(name, stamp);
      }
      return applied;
    });
  }

  /** To be told of every change of an object. @param object `null` when it is gone. */
  look(plural: Plural, name: string, object: KubeObject | null): void {
    if (!this.#isAstray(plural, name, object)) return;
    this.#astray.add(name);
    this.#working ??= this.#work().finally(() => {
      this.#working = null;
    });
  }

  /** Everything once more: what a watch may have missed. */
  resync(): void {
    for (const name of this.#wanted.keys()) this.#astray.add(name);
    this.#working ??= this.#work().finally(() => {
      this.#working = null;
    });
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#working;
  }

  #isAstray(plural: Plural, name: string, object: KubeObject | null): boolean {
    const wanted = this.#wanted.get(name)?.objects.find((one) => one.plural === plural)?.object;
    if (wanted) return object === null || hasDrifted(wanted, object);
    const tombstone = this.#removed.get(name);
    const held = object && stampOf(object);
    return Boolean(tombstone && held && !object.metadata.deletionTimestamp && isOlder(held, tombstone));
  }

  async #work(): Promise<void> {
    const { signal } = this.#ending;
    while (this.#astray.size > 0 && !signal.aborted) {
      let isLeft = false;
      for (const name of [...this.#astray]) {
        if (!(await this.#mend(name, signal))) isLeft = true;
        if (signal.aborted) return;
      }
      if (isLeft) await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** @returns Whether it is done with; else it is to be tried again. */
  #mend(name: string, signal: AbortSignal): Promise<boolean> {
    this.#astray.delete(name);
    return this.#alone(name, async () => {
      const wanted = this.#wanted.get(name);
      const tombstone = this.#removed.get(name);
      try {
        const applied = wanted
          ? await this.#store.put(wanted.objects, wanted.stamp, signal)
          : tombstone
            ? await this.#store.remove(named(name), tombstone, signal)
            : null;
        if (!applied || applied.ok) return true;
        // Somebody newer has it, and it is no more ours to hold.
        if (applied.reason === "fenced") this.#wanted.delete(name);
        if (applied.reason !== "failed") return true;
      } catch {
        // The server is away; what is astray will still be when it is back.
      }
      this.#astray.add(name);
      return false;
    });
  }

  #alone<T>(name: string, act: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(name) ?? Promise.resolve();
    const done = before.then(act, act);
    const settled = done.then(
      () => undefined,
      () => undefined,
    );
    this.#busy.set(name, settled);
    void settled.then(() => {
      if (this.#busy.get(name) === settled) this.#busy.delete(name);
    });
    return done;
  }
}

const isOlder = (one: Stamp, other: Stamp): boolean =>
  one.epoch <= other.epoch && one.generation <= other.generation;

/** What leads to it goes first, and what it needs last. */
const named = (name: string): { plural: Plural; name: string }[] =>
  WORKLOAD_KINDS.toReversed().map((plural) => ({ plural, name }));
