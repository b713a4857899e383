/**
 * Work that this agent does once: claimed, kept alive by a heartbeat, completed until the answer is heard. A task and its
 * result are written down before anybody is told: an agent that starts again completes what was done, and fails what was
 * not.
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
  /** Nothing of it is needed any more. */
  dispose(): void;
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

  /** What a process before this one had begun. */
  #recover(signal: AbortSignal): void {
    const { storage, log } = this.#seams;
    for (const file of storage.list("tasks")) {
      const written = load<Written>(storage, file, log);
      if (!written) continue;
      const { task, result } = written;
      log("info", result ? "A task that was done is completed." : "A task that was begun has failed.", {
        task: task.id,
      });
      const done: Done = {
        result: result ?? RESTARTED,
        resupply: async () => undefined,
        dispose: () => undefined,
      };
      this.#track(task, this.#complete(task, done, signal));
    }
  }

  #begin(task: Task, signal: AbortSignal): void {
    // Claimed twice: the answer to the first claim was lost, and the work goes on.
    if (this.#running.has(task.id)) return;
    save(this.#seams.storage, fileOf(task.id), { task, result: null } satisfies Written);
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

  async #do(task: Task, signal: AbortSignal): Promise<void> {
    const { storage, log } = this.#seams;
    const over = new AbortController();
    const worked = new AbortController();
    const beating = this.#beat(task, over, worked.signal);
    log("info", "A task is begun.", { task: task.id, attempt: task.attempt });
    const done = await this.#options.work(task, AbortSignal.any([signal, over.signal, this.#ending.signal]));
    if (over.signal.aborted) {
      log("info", "A task was ended: nobody wants its result.", { task: task.id });
      storage.remove(fileOf(task.id));
      done.dispose();
    } else {
      const isCutOff = this.#ending.signal.aborted && !done.result.ok;
      const result = isCutOff ? STOPPED : done.result;
      save(storage, fileOf(task.id), { task, result } satisfies Written);
      await this.#complete(task, { ...done, result }, signal);
    }
    worked.abort();
    await beating;
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
    done.dispose();
  }
}

const failed = (code: string, detail: string, isRetryable: boolean): TaskResult => ({
  ok: false,
  failure: { code, detail, fix: "Deploy again." },
  isRetryable,
});

const STOPPED = failed("agent_stopped", "The region's agent was stopped while it built.", true);
const RESTARTED = failed("agent_restarted", "The region's agent was started again while it built.", true);
