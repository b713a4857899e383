/**
 * How full the process is that isolates stand in, on one machine. Local workerd never gives up an isolate that it has
 * loaded, so the process is replaced from time to time: the watchdog says what it holds, the router chooses a moment when
 * nothing runs in it, and the watchdog learns from the next answer that it may be ended.
 */
import { ALIVE, MEMORY_HEADER, PROCESS_HEADER, RETIRE_HEADER, RETIRED } from "#features/functions/call.ts";

/** Well below what the watchdog ends it for. */
const FULL_BYTES = 600 * 1024 * 1024;

export class Room {
  isFull = false;
  #isRetired = false;
  #wasLookedAt = false;

  /**
   * To a question that is no call: an answer shows that nothing holds the thread.
   *
   * @param process What the watchdog has told it of itself, if it has one.
   */
  answer(asked: Headers, process: string | undefined): Response {
    if (asked.has(RETIRE_HEADER)) this.#isRetired = true;
    const memory = asked.get(MEMORY_HEADER);
    if (memory !== null) {
      this.isFull = Number(memory) > FULL_BYTES;
      this.#wasLookedAt = true;
    }
    // The watchdog is patient with a young process: one that spins before its first look would hold it for long.
    if (process !== undefined && !this.#wasLookedAt) return new Response("starting\n", { status: 503 });
    const headers: Record<string, string> = process === undefined ? {} : { [PROCESS_HEADER]: process };
    return new Response(this.#isRetired ? RETIRED : ALIVE, { headers });
  }
}
