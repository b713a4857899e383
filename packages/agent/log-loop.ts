/** Sends what deployments said, in order, until it is taken. */
import { type AgentLine, type LogRequest, MAX_LOG_LINES } from "@cloudify/protocol";
import { backoffMs } from "./backoff.ts";
import type { Client } from "./client.ts";
import type { LeaseLoop } from "./lease-loop.ts";
import type { Seams } from "./seams.ts";
import { type NewLine, Spool } from "./spool.ts";

const BATCH_MS = 100;
/** Deployments in one request. */
const MAX_CHUNKS = 50;
/** Of JSON in one request; the control plane takes four times as much. */
const MAX_BYTES = 4 * 1_024 * 1_024;
/** Sent again as it is, it would be refused again. */
const REFUSED = [400, 413, 422];

export class LogLoop {
  #seams: Seams;
  #client: Pick<Client, "logs">;
  #lease: Pick<LeaseLoop, "granted" | "lost">;
  #spools = new Map<string, Spool>();
  #wake = new AbortController();
  /** Lines of the next request. */
  #most = MAX_LOG_LINES;

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
        this.#most = Math.min(MAX_LOG_LINES, this.#most * 2);
        for (const { deployment, lines } of chunks) this.#spools.get(deployment)?.forget(lines.length);
        continue;
      }
      if (REFUSED.includes(answer.status)) {
        this.#lessen(chunks, answer.code);
        continue;
      }
      if (answer.code === "fenced") this.#lease.lost(epoch);
      failures += 1;
      log("warn", "Lines could not be handed over; they are kept.", { code: answer.code });
      await clock.wait(backoffMs(failures, random(), answer.retryAfterMs), signal);
    }
  }

  /** Half as many the next time, down to the one line that is the reason; that one is left out. */
  #lessen(chunks: LogRequest["chunks"], code: string): void {
    const count = chunks.reduce((sum, { lines }) => sum + lines.length, 0);
    this.#most = count > 1 ? Math.ceil(count / 2) : MAX_LOG_LINES;
    const [first] = chunks;
    if (count > 1 || !first) return;
    const { deployment } = first;
    this.#spools.get(deployment)?.drop();
    this.#seams.log("error", "A line was refused, and is left out.", { deployment, code });
  }

  /** Some of each: one that talks much does not keep the others waiting. */
  #chunks(): LogRequest["chunks"] {
    const full = [...this.#spools]
      .filter(([, { isEmpty }]) => !isEmpty)
      .slice(0, Math.min(MAX_CHUNKS, this.#most));
    const share = Math.floor(this.#most / Math.max(1, full.length));
    const chunks = full.map(([deployment, spool]) => ({
      deployment,
      lines: within(spool.head(share), MAX_BYTES / full.length),
    }));
    // Whoever was asked first is asked last the next time.
    for (const [deployment, spool] of full) {
      this.#spools.delete(deployment);
      this.#spools.set(deployment, spool);
    }
    return chunks.filter(({ lines }) => lines.length > 0);
  }
}

/** The first, and as many more as there is room for: in JSON a text may take six times its length. */
function within(lines: readonly AgentLine[], bytes: number): AgentLine[] {
  let left = bytes;
  const over = lines.findIndex((line, at) => {
    left -= Buffer.byteLength(JSON.stringify(line));
    return left < 0 && at > 0;
  });
  return lines.slice(0, over < 0 ? lines.length : over);
}
