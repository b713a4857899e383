/**
 * Lines of functions on their way to their deployment's log: masked, capped, gathered for a moment. A second that brings
 * more than a deployment may write ends in one row that counts what was dropped; so does a log that does not answer.
 */
import { type Millis, SECOND } from "#core/time.ts";
import type { Call } from "#features/functions/call.ts";
import type { Mask } from "#features/logs/mask.ts";
import { BYTES_A_SECOND, type Entry, type Level, LINES_A_SECOND } from "#features/logs/policy.ts";
import type { Batch } from "./sink.ts";
import type { Traced } from "./traced.ts";

export type Write = (batch: Batch) => Promise<void>;

const GATHER_MS = 25;
/** Of a deployment that has just written: so that many calls share a write. */
const BUSY_MS = 100;
/** Who gathered for so long has ended with its request. */
const LOST_MS = 2 * SECOND;
const TRIES = 4;
/** Deployments whose last second is remembered. */
const MAX_HELD = 1_000;

const LEVELS: Record<Traced["level"], Level> = {
  log: "info",
  info: "info",
  debug: "debug",
  trace: "debug",
  warn: "warn",
  error: "error",
};

interface Pending {
  lines: Entry[];
  /** Of the line that came last. */
  stream: string;
  /** When the call that writes them began to gather; `null`: nobody does. */
  since: Millis | null;
  /** When the last ones were. */
  wroteAt: Millis;
  second: number;
  count: number;
  bytes: number;
  dropped: number;
}

export class LogBuffer {
  readonly #pending = new Map<string, Pending>();

  /**
   * The first of them is who writes, for all that come meanwhile; nobody else waits for it, since a promise belongs to
   * the request that made it. Should that request end before, the next line's is who writes.
   *
   * @returns When what this call is to write is written; `null`: it has nothing to write.
   */
  add(
    { deployment, name }: Pick<Call, "deployment" | "name">,
    traced: readonly Traced[],
    mask: Mask,
    write: Write,
  ): Promise<void> | null {
    const held = this.#pending.get(deployment) ?? fresh();
    if (this.#pending.size >= MAX_HELD) this.#forget();
    this.#pending.set(deployment, held);
    for (const one of traced) this.#take(held, `function:${name}`, one, mask);
    const now = Date.now();
    if (held.since !== null && now - held.since < LOST_MS) return null;
    held.since = now;
    const wait = now - held.wroteAt < BUSY_MS ? BUSY_MS : GATHER_MS;
    return scheduler.wait(wait).then(() => this.#flush(deployment, held, write));
  }

  /** Those that write nothing at the moment. */
  #forget(): void {
    for (const [deployment, { since }] of this.#pending) if (since === null) this.#pending.delete(deployment);
  }

  #take(held: Pending, stream: string, { level, text, at, cut = 0, gap = 0 }: Traced, mask: Mask): void {
    held.stream = stream;
    // By our clock: what a line says of itself is a customer's.
    const second = Math.floor(Date.now() / SECOND);
    if (second !== held.second) {
      this.#close(held, stream, at);
      Object.assign(held, { second, count: 0, bytes: 0 });
    }
    if (gap > 0) {
      held.dropped += gap;
      return;
    }
    held.count++;
    held.bytes += text.length;
    if (held.count > LINES_A_SECOND || held.bytes > BYTES_A_SECOND) {
      held.dropped++;
      return;
    }
    const shown = cut > 0 ? `${mask.maskCut(text)}… (${cut} characters cut)` : mask.mask(text);
    held.lines.push({ stream, at, level: LEVELS[level] ?? "info", text: shown });
  }

  /** Says what the second that is over has cost. */
  #close(held: Pending, stream: string, at: number): void {
    if (held.dropped === 0) return;
    const text = `${held.dropped} lines were dropped: at most ${LINES_A_SECOND} lines and ${BYTES_A_SECOND / 1024} KiB a second are kept, and 200 KiB of one call, while the log answers`;
    held.lines.push({ stream, at, level: "warn", text, gap: held.dropped });
    held.dropped = 0;
  }

  async #flush(deployment: string, held: Pending, write: Write): Promise<void> {
    if (held.dropped > 0) this.#close(held, held.stream, held.lines.at(-1)?.at ?? Date.now());
    const lines = held.lines.splice(0);
    held.wroteAt = Date.now();
    held.since = null;
    const batch = { id: crypto.randomUUID(), deployment, lines };
    for (let tries = 1; lines.length > 0; tries++) {
      try {
        return await write(batch);
      } catch (error) {
        if (tries === TRIES) {
          held.dropped += lines.reduce((sum, line) => sum + (line.gap ?? 1), 0);
          throw error;
        }
        await scheduler.wait(100 * 2 ** tries);
      }
    }
  }
}

const fresh = (): Pending => ({
  lines: [],
  stream: "",
  since: null,
  wroteAt: 0,
  second: 0,
  count: 0,
  bytes: 0,
  dropped: 0,
});
