/**
 * One thing at a time for each workload, the newest first to matter: what was overtaken before it began is not begun.
 * What fails, or throws, is tried again with back-off, until it is done or overtaken.
 */
import { backoffMs } from "./backoff.ts";
import type { Seams } from "./seams.ts";

export type Tried = "done" | "again";

interface Entry {
  work: (signal: AbortSignal) => Promise<Tried>;
  onDone: () => void;
}

type QueueSeams = Pick<Seams, "clock" | "random" | "log">;

export class Queues {
  #seams: QueueSeams;
  #signal: AbortSignal;
  #room: number;
  #wanting: (() => void)[] = [];
  #latest = new Map<string, Entry>();
  /** Wakes whoever waits to try again, since there is something newer. */
  #overtaken = new Map<string, AbortController>();

  /** @param room How many are worked at once. */
  constructor(seams: QueueSeams, room: number, signal: AbortSignal) {
    this.#seams = seams;
    this.#room = room;
    this.#signal = signal;
  }

  /** @param onDone Called once: when it is done, or what has overtaken it is. */
  put(id: string, work: Entry["work"], onDone: () => void): void {
    this.#latest.set(id, { work, onDone: both(this.#latest.get(id)?.onDone, onDone) });
    const running = this.#overtaken.get(id);
    if (running) running.abort();
    else void this.#run(id);
  }

  async #run(id: string): Promise<void> {
    try {
      for (let entry = this.#next(id); entry && !this.#signal.aborted; entry = this.#next(id)) {
        await this.#work(id, entry);
      }
    } catch (error) {
      this.#seams.log("error", `${id}: what was done could not be noted: ${String(error)}`, { id });
    } finally {
      this.#overtaken.delete(id);
    }
  }

  #next(id: string): Entry | undefined {
    const entry = this.#latest.get(id);
    this.#latest.delete(id);
    return entry;
  }

  async #work(id: string, { work, onDone }: Entry): Promise<void> {
    const { clock, random } = this.#seams;
    for (let failures = 1; !this.#signal.aborted; failures++) {
      const overtaken = new AbortController();
      this.#overtaken.set(id, overtaken);
      await this.#enter();
      // What is under way is let finish: half a change is worse than an old one.
      const tried = await this.#try(id, work);
      if (tried === "done") return onDone();
      await clock.wait(backoffMs(failures, random()), AbortSignal.any([this.#signal, overtaken.signal]));
      const newer = this.#latest.get(id);
      if (newer) return void this.#latest.set(id, { ...newer, onDone: both(onDone, newer.onDone) });
    }
  }

  async #try(id: string, work: Entry["work"]): Promise<Tried> {
    try {
      return await work(this.#signal);
    } catch (error) {
      this.#seams.log("error", `${id} was not handled, and is tried again: ${String(error)}`, { id });
      return "again";
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    while (this.#room <= 0) await new Promise<void>((resolve) => this.#wanting.push(resolve));
    this.#room -= 1;
  }

  #leave(): void {
    this.#room += 1;
    this.#wanting.shift()?.();
  }
}

const both = (first: (() => void) | undefined, second: () => void) => () => {
  first?.();
  second();
};
