/** Sends what deployments said, in order, until it is taken. */
import { type LogRequest, MAX_LOG_LINES } from "@cloudify/protocol";
import { backoffMs } from "./backoff.ts";
import type { Client } from "./client.ts";
import type { LeaseLoop } from "./lease-loop.ts";
import type { Seams } from "./seams.ts";
import { type NewLine, Spool } from "./spool.ts";

const BATCH_MS = 100;
/** Deployments in one request. */
const MAX_CHUNKS = 50;

export class LogLoop {
  #seams: Seams;
  #client: Pick<Client, "logs">;
  #lease: Pick<LeaseLoop, "granted" | "lost">;
  #spools = new Map<string, Spool>();
  #wake = new AbortController();

  constructor(seams: Seams, client: Pick<Client, "logs">, lease: Pick<LeaseLoop, "granted" | "lost">) {
    this.#seams = seams;
    this.#client = client;
    this.#lease = lease;
    for (const file of seams.storage.list("lines")) {
      const deployment = file.slice("lines/".length, -".ndjson".length);
      this.#spools.set(deployment, new Spool(seams.storage, file));
    }
  }

  get spooled(): number {
    return [...this.#spools.values()].reduce((sum, { size }) => sum + size, 0);
  }

  add(deployment: string, line: NewLine): void {
    let spool = this.#spools.get(deployment);
    if (!spool) {
      spool = new Spool(this.#seams.storage, `lines/${deployment}.ndjson`);
      this.#spools.set(deployment, spool);
    }
    spool.add(line, this.#seams.clock.now());
    this.#wake.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    const writing = this.#write(signal);
    await this.#send(signal);
    await writing;
  }

  /** To disk, also while nobody takes them. */
  async #write(signal: AbortSignal): Promise<void> {
    const { clock } = this.#seams;
    while (!signal.aborted) {
      await clock.wait(BATCH_MS, signal);
      this.flush();
    }
  }

  flush(): void {
    const { clock, log } = this.#seams;
    for (const [deployment, spool] of this.#spools) {
      try {
        spool.flush(clock.now());
      } catch (error) {
        log("error", "Lines could not be written down.", { deployment, error: String(error) });
      }
    }
  }

  async #send(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#seams;
    let failures = 0;
    while (!signal.aborted) {
      if ([...this.#spools.values()].every(({ isEmpty }) => isEmpty)) {
        this.#wake = new AbortController();
        await clock.wait(60_000, AbortSignal.any([signal, this.#wake.signal]));
      }
      await clock.wait(BATCH_MS, signal);
      const epoch = await this.#lease.granted(signal);
      if (epoch === null) return;
      const chunks = this.#chunks();
      if (chunks.length === 0) continue;
      const answer = await this.#client.logs({ epoch, chunks });
      if (answer.ok) {
        failures = 0;
        for (const { deployment, lines } of chunks) this.#spools.get(deployment)?.forget(lines.length);
        continue;
      }
      if (answer.code === "fenced") this.#lease.lost(epoch);
      failures += 1;
      log("warn", "Lines could not be handed over; they are kept.", { code: answer.code });
      await clock.wait(backoffMs(failures, random(), answer.retryAfterMs), signal);
    }
  }

  /** Some of each: one that talks much does not keep the others waiting. */
  #chunks(): LogRequest["chunks"] {
    const full = [...this.#spools].filter(([, { isEmpty }]) => !isEmpty).slice(0, MAX_CHUNKS);
    const share = Math.floor(MAX_LOG_LINES / Math.max(1, full.length));
    const chunks = full.map(([deployment, spool]) => ({ deployment, lines: spool.head(share) }));
    // Whoever was asked first is asked last the next time.
    for (const [deployment, spool] of full) {
      this.#spools.delete(deployment);
      this.#spools.set(deployment, spool);
    }
    return chunks.filter(({ lines }) => lines.length > 0);
  }
}
