/**
 * Virtual time: one queue of events, and processes that stand still, go on, or end. Nothing here waits for real time:
 * between two events everything that can go on without a third does, and then the next event's moment has come.
 */
import { setImmediate } from "node:timers";
import type { Clock } from "../../packages/agent/clock.ts";

interface Entry {
  at: number;
  order: number;
  act: () => void;
  isCanceled: boolean;
}

/** Unix milliseconds at which every run begins. */
export const BEGAN = 1_700_000_000_000;

export class Timeline {
  now = BEGAN;
  /** Events that were done. */
  count = 0;
  #heap: Entry[] = [];
  #order = 0;

  /** Milliseconds since the run began. */
  get elapsed(): number {
    return this.now - BEGAN;
  }

  /** @returns Takes it back. */
  after(milliseconds: number, act: () => void): () => void {
    const at = this.now + Math.max(0, milliseconds);
    const entry: Entry = { at, order: this.#order++, act, isCanceled: false };
    this.#push(entry);
    return () => {
      entry.isCanceled = true;
    };
  }

  /** Does everything up to a moment. @param isOver Asked after each event; ends it early. */
  async run(until: number, isOver: () => boolean): Promise<void> {
    await settled();
    for (let entry = this.#heap[0]; entry && entry.at <= until; entry = this.#heap[0]) {
      this.#pop();
      if (entry.isCanceled) continue;
      this.now = entry.at;
      this.count += 1;
      entry.act();
      await settled();
      if (isOver()) return;
    }
    this.now = Math.max(this.now, until);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (!parent || !isBefore(entry, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      const [left, right] = [heap[below], heap[below + 1]];
      if (left && right && isBefore(right, left)) below += 1;
      const child = heap[below];
      if (!child || !isBefore(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}

const isBefore = (one: Entry, other: Entry): boolean =>
  one.at !== other.at ? one.at < other.at : one.order < other.order;

/** Nothing in a run waits for the outside, so one turn of Node's loop lets every promise come to its end. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Whatever happens to a process goes through {@link run}: standing still it notices nothing, ended it never will. */
export class Process {
  readonly clock: Clock;
  isOver = false;
  isPaused = false;
  /** What its wall clock is ahead of the true time, in milliseconds. */
  skewMs = 0;
  #timeline: Timeline;
  #held: (() => void)[] = [];

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
    this.clock = {
      now: () => timeline.now + this.skewMs,
      monotonic: () => timeline.elapsed,
      wait: (milliseconds, signal) => this.#wait(milliseconds, signal),
    };
  }

  run(act: () => void): void {
    if (this.isOver) return;
    if (this.isPaused) this.#held.push(act);
    else act();
  }

  pause(): void {
    this.isPaused = true;
  }

  /** Everything that should have happened meanwhile happens now, each by itself. */
  resume(): void {
    this.isPaused = false;
    for (const act of this.#held.splice(0)) this.#timeline.after(0, () => this.run(act));
  }

  kill(): void {
    this.isOver = true;
    this.#held = [];
  }

  #wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        cancel();
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const cancel = this.#timeline.after(milliseconds, () => this.run(done));
      signal?.addEventListener("abort", done, { once: true });
    });
  }
}
