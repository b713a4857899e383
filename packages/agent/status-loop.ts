/** Tells the control plane how workloads do: changes soon, and everything each minute. Waits for no apply. */
import type { WorkloadStatus } from "@cloudify/protocol";
import { backoffMs } from "./backoff.ts";
import type { Client } from "./client.ts";
import type { LeaseLoop } from "./lease-loop.ts";
import type { Seams } from "./seams.ts";

/** What comes within this goes together. */
const BATCH_MS = 200;
const FULL_MS = 60_000;
/** Statuses of one call: far below what is refused as too many (10,000) or too large (16 MiB). */
const PAGE = 1_000;

export class StatusLoop {
  #seams: Pick<Seams, "clock" | "random" | "log">;
  #client: Pick<Client, "status">;
  #lease: Pick<LeaseLoop, "granted" | "lost">;
  #all = new Map<string, WorkloadStatus>();
  #changed = new Set<string>();
  #wake = new AbortController();

  constructor(
    seams: Pick<Seams, "clock" | "random" | "log">,
    client: Pick<Client, "status">,
    lease: Pick<LeaseLoop, "granted" | "lost">,
  ) {
    this.#seams = seams;
    this.#client = client;
    this.#lease = lease;
  }

  get all(): readonly WorkloadStatus[] {
    return [...this.#all.values()];
  }

  of(id: string): WorkloadStatus | undefined {
    return this.#all.get(id);
  }

  set(status: WorkloadStatus): void {
    this.#all.set(status.id, status);
    this.#changed.add(status.id);
    this.#wake.abort();
  }

  /** It has ended by a tombstone; whatever comes of it later is forgotten too. */
  forget(id: string): void {
    this.#all.delete(id);
    this.#changed.delete(id);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#seams;
    let fullAt = clock.monotonic();
    let epochBefore: number | null = null;
    let failures = 0;
    while (!signal.aborted) {
      if (this.#changed.size === 0) await this.#sleep(fullAt - clock.monotonic(), signal);
      if (this.#changed.size > 0) await clock.wait(BATCH_MS, signal);
      const epoch = await this.#lease.granted(signal);
      if (epoch === null) return;
      // Whoever acts anew says everything: what was said in another epoch may not have been heard.
      const isFull = epoch !== epochBefore || clock.monotonic() >= fullAt;
      const items = isFull ? this.all : this.all.filter(({ id }) => this.#changed.has(id));
      if (!isFull && items.length === 0) continue;
      const answer = await this.#tell(epoch, isFull, items);
      if (answer.ok) {
        failures = 0;
        epochBefore = epoch;
        if (isFull) fullAt = clock.monotonic() + FULL_MS;
        continue;
      }
      if (answer.code === "fenced") this.#lease.lost(epoch);
      failures += 1;
      log("warn", "How workloads do could not be reported.", { code: answer.code, detail: answer.detail });
      await clock.wait(backoffMs(failures, random(), answer.retryAfterMs), signal);
    }
  }

  /** By pages; the first of a full report forgets what it does not name, and the others add to it. */
  async #tell(
    epoch: number,
    isFull: boolean,
    items: readonly WorkloadStatus[],
  ): ReturnType<Client["status"]> {
    for (let at = 0; ; at += PAGE) {
      const page = items.slice(at, at + PAGE);
      const answer = await this.#client.status({ epoch, isFull: isFull && at === 0, items: page });
      if (!answer.ok) return answer;
      // What has changed meanwhile is still to be said.
      for (const item of page) if (this.#all.get(item.id) === item) this.#changed.delete(item.id);
      if (at + PAGE >= items.length) return answer;
    }
  }

  async #sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    await this.#seams.clock.wait(Math.max(0, milliseconds), AbortSignal.any([signal, this.#wake.signal]));
  }
}
