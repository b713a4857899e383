/**
 * Work that this agent does once: claimed, kept alive by a heartbeat, completed until the answer is heard. A task and its
 * result are written down before anybody is told: an agent that starts again completes what was done, and fails what was
 * not. A disk that takes no more keeps nothing from its end: it is completed from memory.
 */
import {
  MAX_WAIT_MS,
  TASK_HEARTBEAT_MS,
  TASK_LEASE_MS,
  type Task,
  type TaskResult,
} from "@cloudify/protocol";
import { backoffMs } from "./backoff.ts";
import type { Client } from "./client.ts";
import type { LeaseLoop } from "./lease-loop.ts";
import type { Seams } from "./seams.ts";
import { load, save } from "./state.ts";

export interface Done {
  result: TaskResult;
  /** Uploads again what the control plane has lost meanwhile. */
  resupply(digests: readonly string[], signal: AbortSignal): Promise<void>;
  /** Nothing of it is needed any more. Resolves when the disk has its room back; said again, it does no harm. */
  dispose(): Promise<void>;
}

export interface TaskOptions {
  client: Pick<Client, "claim" | "heartbeat" | "complete">;
  lease: LeaseLoop;
  /** Tasks at once. */
  room: number;
  /** Never rejects: what goes wrong is a result. Ends within 5 s of an abort. */
  work(task: Task, signal: AbortSignal): Promise<Done>;
}

interface Written {
  task: Task;
  result: TaskResult | null;
}

const fileOf = (id: string): string => `tasks/${id}.json`;

export class TaskLoop {
  #seams: Seams;
  #options: TaskOptions;
  #running = new Map<string, Promise<void>>();
  #freed = new AbortController();
  #ending = new AbortController();
  #isRecovered = false;

  constructor(seams: Seams, options: TaskOptions) {
    this.#seams = seams;
    this.#options = options;
  }

  get running(): number {
    return this.#running.size;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#seams;
    const { client, lease, room } = this.#options;
    this.#recover(signal);
    let failures = 0;
    while (!signal.aborted) {
      const epoch = await lease.granted(signal);
      if (epoch === null) break;
      const max = room - this.#running.size;
      if (max <= 0 || lease.isDraining || this.#ending.signal.aborted) {
        this.#freed = new AbortController();
        await clock.wait(1_000, AbortSignal.any([signal, this.#freed.signal]));
        continue;
      }
      const answer = await client.claim({ epoch, max, waitMs: MAX_WAIT_MS }, signal);
      if (signal.aborted) break;
      if (answer.ok) {
        failures = 0;
        for (const task of answer.value.tasks) this.#begin(task, signal);
        continue;
      }
      if (answer.code === "fenced") lease.lost(epoch);
      failures += 1;
      log("warn", "No task could be asked for.", { code: answer.code, detail: answer.detail });
      await clock.wait(backoffMs(failures, random(), answer.retryAfterMs), signal);
    }
    await Promise.all(this.#running.values());
  }

  /** Ends what is under way, and says so. Resolves when all of it is completed. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#running.values());
  }

  /** What a process before this one had begun; once, since what is written later is of this one. */
  #recover(signal: AbortSignal): void {
    if (this.#isRecovered) return;
    const { storage, log } = this.#seams;
    for (const file of storage.list("tasks")) {
      const written = load<Written>(storage, file, log);
      if (!written) continue;
      const { task, result } = written;
      // This loop failed on the way, and is begun again.
      if (this.#running.has(task.id)) continue;
      log("info", result ? "A task that was done is completed." : "A task that was begun has failed.", {
        task: task.id,
      });
      const done: Done = {
        result: result ?? RESTARTED,
        resupply: async () => undefined,
        dispose: async () => undefined,
      };
      this.#track(task, this.#complete(task, done, signal));
    }
    this.#isRecovered = true;
  }

  #begin(task: Task, signal: AbortSignal): void {
    // Claimed twice: the answer to the first claim was lost, and the work goes on.
    if (this.#running.has(task.id)) return;
    this.#write({ task, result: null });
    this.#track(task, this.#do(task, signal));
  }

  #track(task: Task, work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) =>
        this.#seams.log("error", "A task went wrong.", { task: task.id, error: String(error) }),
      )
      .finally(() => {
        this.#running.delete(task.id);
        this.#freed.abort();
      });
    this.#running.set(task.id, tracked);
  }

  /** A task that is not written down goes on: what is lost is what the next process would say of it. */
  #write(written: Written): void {
    const { storage, log } = this.#seams;
    try {
      save(storage, fileOf(written.task.id), written);
    } catch (error) {
      log(
        "error",
        "A task could not be written down; it goes on. Make room on the disk of the agent's home.",
        {
          task: written.task.id,
          error: String(error),
        },
      );
    }
  }

  async #do(task: Task, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const worked = new AbortController();
    const beating = this.#beat(task, over, worked.signal);
    this.#seams.log("info", "A task is begun.", { task: task.id, attempt: task.attempt });
    try {
      const until = AbortSignal.any([signal, over.signal, this.#ending.signal]);
      const done = await this.#options.work(task, until);
      await this.#end(task, done, over.signal, signal).finally(() => done.dispose());
    } finally {
      worked.abort();
      await beating;
    }
  }

  async #end(task: Task, done: Done, over: AbortSignal, signal: AbortSignal): Promise<void> {
    const { storage, log } = this.#seams;
    if (over.aborted) {
      log("info", "A task was ended: nobody wants its result.", { task: task.id });
      return storage.remove(fileOf(task.id));
    }
    const isCutOff = this.#ending.signal.aborted && !done.result.ok;
    const result = isCutOff ? STOPPED : done.result;
    // It has nothing to upload again, and may have filled the disk.
    if (!result.ok) await done.dispose();
    this.#write({ task, result });
    await this.#complete(task, { ...done, result }, signal);
  }

  /** Ends the work when nobody wants it any more, or must be taken to have given it to another. */
  async #beat(task: Task, over: AbortController, worked: AbortSignal): Promise<void> {
    const { clock } = this.#seams;
    const { client, lease } = this.#options;
    let heardAt = clock.monotonic();
    while (!worked.aborted) {
      await clock.wait(TASK_HEARTBEAT_MS, worked);
      if (worked.aborted) return;
      const { epoch } = lease;
      const askedAt = clock.monotonic();
      if (epoch !== null) {
        const answer = await client.heartbeat(task.id, { epoch, attempt: task.attempt }, worked);
        if (answer.ok && answer.value.isOver) return over.abort();
        if (answer.ok) heardAt = askedAt;
        else if (answer.code === "fenced") lease.lost(epoch);
      }
      if (clock.monotonic() - heardAt >= TASK_LEASE_MS) return over.abort();
    }
  }

  async #complete(task: Task, done: Done, signal: AbortSignal): Promise<void> {
    const { clock, random, storage, log } = this.#seams;
    const { client, lease } = this.#options;
    let { result } = done;
    for (let failures = 1; ; failures++) {
      const epoch = await lease.granted(signal);
      // It is completed by the process that comes after this one.
      if (epoch === null) return;
      const answer = await client.complete(task.id, { epoch, attempt: task.attempt, result });
      if (answer.ok) {
        log("info", "A task is over.", {
          task: task.id,
          isOk: result.ok,
          isAccepted: answer.value.isAccepted,
        });
        break;
      }
      const { code, status, detail, extensions, retryAfterMs } = answer;
      if (code === "fenced") lease.lost(epoch);
      else if (code === "missing_blobs" && failures <= 3) {
        const missing = Array.isArray(extensions.missing) ? extensions.missing.map(String) : [];
        await done.resupply(missing, signal).catch(() => undefined);
      } else if (status >= 400 && status < 500 && ![401, 408, 425, 429].includes(status)) {
        if (!result.ok) {
          log("error", "The control plane takes no result of a task.", { task: task.id, code, detail });
          break;
        }
        // It wants no such result: it is told that there is none.
        result = failed("result_refused", `The build's output was refused: ${detail}`, true);
      }
      await clock.wait(backoffMs(failures, random(), retryAfterMs), signal);
    }
    storage.remove(fileOf(task.id));
  }
}

const failed = (code: string, detail: string, isRetryable: boolean): TaskResult => ({
  ok: false,
  failure: { code, detail, fix: "Deploy again." },
  isRetryable,
});

const STOPPED = failed("agent_stopped", "The region's agent was stopped while it built.", true);
const RESTARTED = failed("agent_restarted", "The region's agent was started again while it built.", true);
