/**
 * Holds the cluster to what was applied: what somebody edits or deletes by hand is applied again, and what has a tombstone
 * but comes back is removed again; both under the stamp that they were given, so behind the fence.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Applied, Stamp } from "../driver.ts";
import { hasDrifted } from "./drift.ts";
import type { Plural } from "./kinds.ts";
import { inEpoch, stampOf } from "./names.ts";
import type { FencedStore, Written } from "./store.ts";
import { Turns } from "./turns.ts";
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
  readonly #turns = new Turns();
  readonly #ending = new AbortController();
  #working: Promise<void> | null = null;
  #epoch = -1;

  constructor(store: FencedStore) {
    this.#store = store;
  }

  /** The newest in which something was written: an older one, in which other things were, is fenced by it. */
  get epoch(): number {
    return this.#epoch;
  }

  put(name: string, objects: readonly Written[], stamp: Stamp, signal: AbortSignal): Promise<Applied> {
    return this.#turns.take(name, async () => {
      const applied = await this.#store.put(objects, stamp, signal);
      if (applied.ok) {
        this.#epoch = Math.max(this.#epoch, stamp.epoch);
        this.#wanted.set(name, { stamp, objects });
        this.#removed.delete(name);
        this.#astray.delete(name);
      }
      return applied;
    });
  }

  remove(name: string, stamp: Stamp, signal: AbortSignal): Promise<Applied> {
    return this.#turns.take(name, async () => {
      const applied = await this.#store.remove(named(name), stamp, signal);
      if (applied.ok) {
        this.#epoch = Math.max(this.#epoch, stamp.epoch);
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
    return this.#turns.take(name, async () => {
      const wanted = this.#renewed(this.#wanted.get(name));
      const tombstone = this.#removed.get(name);
      if (wanted) this.#wanted.set(name, wanted);
      try {
        const applied = wanted
          ? await this.#store.put(wanted.objects, wanted.stamp, signal)
          : tombstone
            ? await this.#store.remove(named(name), { ...tombstone, epoch: this.#epoch }, signal)
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

  /** Under the newest epoch: what was applied in an older one is this agent's to hold all the same. */
  #renewed(wanted: Wanted | undefined): Wanted | undefined {
    if (!wanted || wanted.stamp.epoch >= this.#epoch) return wanted;
    const objects = wanted.objects.map((one) => ({ ...one, object: inEpoch(one.object, this.#epoch) }));
    return { stamp: { ...wanted.stamp, epoch: this.#epoch }, objects };
  }
}

const isOlder = (one: Stamp, other: Stamp): boolean =>
  one.epoch <= other.epoch && one.generation <= other.generation;

/** What leads to it goes first, and what it needs last. */
const named = (name: string): { plural: Plural; name: string }[] =>
  WORKLOAD_KINDS.toReversed().map((plural) => ({ plural, name }));
