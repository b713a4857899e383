/**
 * Work that the region's agent does once.
 *
 *     queued ─claim→ claimed ─complete→ over (its answer is kept)
 *        │              ├─silent for TASK_LEASE_MS, or another installation acts→ over, failed retryably
 *        │              └─withdrawn, or another attempt is offered→ over
 *        └─the region is lost or drained, or another has room→ gone: its deployment offers it elsewhere
 *
 * The attempt is the deployment's: what carries another changes nothing. The rules know neither the clock nor who tells
 * the deployment.
 */
import { type BuildTask, TASK_LEASE_MS, type TaskFailure } from "@cloudify/protocol";
import { HOUR, type Millis } from "#core/time.ts";
import type { OfTask } from "./rpc.ts";

/** The end of a task is remembered for so long, so that a late repetition is answered as the first was. */
export const REMEMBER_MS = HOUR;

interface Over {
  state: "over";
  deployment: string;
  attempt: number;
  isAccepted: boolean;
  at: Millis;
}

export type Entry =
  /** `before`: what is remembered of an attempt that was begun here; it stays when this one is not. */
  | { state: "queued"; task: BuildTask; before?: Over }
  | { state: "claimed"; task: BuildTask; holder: string; until: Millis }
  | Over;

/** By the task's id. */
export type Tasks = Record<string, Entry>;

/** What the deployment is told; who carries it adds the region. */
export interface Told {
  deployment: string;
  input: OfTask;
}

export type Result =
  | { ok: true; manifest: string; bytes: number; fileCount: number }
  | { ok: false; failure: TaskFailure; isRetryable: boolean };

interface TaskStep {
  tasks: Tasks;
  told: Told[];
}

/** Id of the task that builds a deployment. */
export const taskOf = (deployment: string): string => `build.${deployment}`;

export const deploymentOf = (entry: Entry): string =>
  entry.state === "over" ? entry.deployment : entry.task.deployment;

const attemptOf = (entry: Entry): number => (entry.state === "over" ? entry.attempt : entry.task.attempt);

/** A lower attempt, or one that is known, changes nothing; a higher one takes the place of what is there. */
export function offer(tasks: Tasks, task: BuildTask): Tasks {
  const known = tasks[task.id];
  if (known && attemptOf(known) >= task.attempt) return tasks;
  const before = known && memoryOf(known);
  return { ...tasks, [task.id]: { state: "queued", task, ...(before ? { before } : {}) } };
}

/** What is to be remembered of an attempt in whose place another comes. */
function memoryOf(entry: Entry): Over | undefined {
  if (entry.state === "queued") return entry.before;
  if (entry.state === "over") return entry;
  const { deployment, attempt } = entry.task;
  return { state: "over", deployment, attempt, isAccepted: false, at: entry.until };
}

/** @returns Without tasks that wait and of which this is so. */
function withoutQueued(tasks: Tasks, isGone: (id: string) => boolean): Tasks {
  const next: Tasks = {};
  for (const [id, entry] of Object.entries(tasks)) {
    if (entry.state !== "queued" || !isGone(id)) next[id] = entry;
    else if (entry.before) next[id] = entry.before;
  }
  return next;
}

/** How many tasks could be begun beside those that are here. @param id Of one that is not counted. */
export const roomFor = (tasks: Tasks, id: string, capacity: number): number =>
  capacity - Object.entries(tasks).filter(([own, { state }]) => own !== id && state !== "over").length;

/** @returns `isFree`: this attempt is in nobody's hands here. One that was begun stays. */
export function takeBack(tasks: Tasks, id: string, attempt: number): { tasks: Tasks; isFree: boolean } {
  const entry = tasks[id];
  if (!entry || attemptOf(entry) < attempt) return { tasks, isFree: true };
  if (entry.state !== "queued" || entry.task.attempt !== attempt) return { tasks, isFree: false };
  return { tasks: withoutQueued(tasks, (one) => one === id), isFree: true };
}

/** The oldest first: ids of deployments sort by creation. */
export function claim(
  tasks: Tasks,
  { holder, max, name }: { holder: string; max: number; name: string },
  now: Millis,
): TaskStep & { claimed: BuildTask[] } {
  const claimed = Object.values(tasks)
    .flatMap((entry) => (entry.state === "queued" ? [entry.task] : []))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .slice(0, Math.max(0, max));
  const until = now + TASK_LEASE_MS;
  const changed = claimed.map((task): [string, Entry] => [
    task.id,
    { state: "claimed", task, holder, until },
  ]);
  return {
    tasks: { ...tasks, ...Object.fromEntries(changed) },
    told: claimed.map(({ deployment, attempt }) => ({
      deployment,
      input: { type: "build-claimed", attempt, name },
    })),
    claimed,
  };
}

/** @returns `null`: there is no such attempt in anybody's hands any more. */
export function heldTask(tasks: Tasks, id: string, attempt: number): BuildTask | null {
  const entry = tasks[id];
  return entry?.state === "claimed" && entry.task.attempt === attempt ? entry.task : null;
}

export function heartbeat(
  tasks: Tasks,
  id: string,
  attempt: number,
  now: Millis,
): { tasks: Tasks; isOver: boolean } {
  const entry = tasks[id];
  if (entry?.state !== "claimed" || entry.task.attempt !== attempt) return { tasks, isOver: true };
  return { tasks: { ...tasks, [id]: { ...entry, until: now + TASK_LEASE_MS } }, isOver: false };
}

/** @returns Whether this attempt's result is what counts; a repetition is told the same, and changes nothing. */
export function complete(
  tasks: Tasks,
  { id, attempt, result }: { id: string; attempt: number; result: Result },
  now: Millis,
): TaskStep & { isAccepted: boolean } {
  const entry = tasks[id];
  if (entry?.state === "over" && entry.attempt === attempt)
    return { tasks, told: [], isAccepted: entry.isAccepted };
  const task = heldTask(tasks, id, attempt);
  if (!task) return { tasks, told: [], isAccepted: false };
  const { deployment } = task;
  const input: OfTask = result.ok
    ? {
        type: "built",
        attempt,
        manifest: result.manifest,
        bytes: result.bytes,
        fileCount: result.fileCount,
      }
    : { type: "build-failed", attempt, failure: result.failure, retryable: result.isRetryable };
  const over: Entry = { state: "over", deployment, attempt, isAccepted: true, at: now };
  return { tasks: { ...tasks, [id]: over }, told: [{ deployment, input }], isAccepted: true };
}

/** Whoever asked for it no longer wants it, and is told nothing. @param only This attempt; `null`: any. */
export function withdraw(tasks: Tasks, id: string, only: number | null, now: Millis): Tasks {
  const entry = tasks[id];
  if (!entry || entry.state === "over" || (only !== null && entry.task.attempt !== only)) return tasks;
  const { attempt, deployment } = entry.task;
  return { ...tasks, [id]: { state: "over", deployment, attempt, isAccepted: false, at: now } };
}

/**
 * Another installation has taken the region over: what the one before had in its hands is lost. A process that comes
 * after another of its own knows what was done, and says so; if not, it lapses.
 */
export const takeOver = (tasks: Tasks, holder: string, now: Millis): TaskStep =>
  fail(tasks, (entry) => entry.state === "claimed" && entry.holder !== holder, LOST, now);

/**
 * Nobody in this region will begin what waits: its lease has lapsed, or it is being drained. Who offered it looks after
 * it every few seconds, and loses no attempt by it.
 */
export const giveUpQueued = (tasks: Tasks): Tasks =>
  hasQueued(tasks) ? withoutQueued(tasks, () => true) : tasks;

/** The region is gone for good, or its agent's credential is. */
export const giveUpAll = (tasks: Tasks, now: Millis): TaskStep => fail(tasks, () => true, LOST, now);

/** Claims that went silent lapse; ends that are old enough are forgotten. */
export function tick(tasks: Tasks, now: Millis): TaskStep {
  const recent = Object.entries(tasks).filter(
    ([, entry]) => entry.state !== "over" || now < entry.at + REMEMBER_MS,
  );
  return fail(
    Object.fromEntries(recent),
    (entry) => entry.state === "claimed" && now >= entry.until,
    LAPSED,
    now,
  );
}

/** When {@link tick} next has work, or `null`. */
export function dueAt(tasks: Tasks): Millis | null {
  const due = Object.values(tasks)
    .map(dueOf)
    .filter((at) => at !== null);
  return due.length === 0 ? null : Math.min(...due);
}

function dueOf(entry: Entry): Millis | null {
  switch (entry.state) {
    case "queued":
      return null;
    case "claimed":
      return entry.until;
    case "over":
      return entry.at + REMEMBER_MS;
  }
}

export const hasQueued = (tasks: Tasks): boolean =>
  Object.values(tasks).some((entry) => entry.state === "queued");

function fail(
  tasks: Tasks,
  isLost: (entry: Exclude<Entry, { state: "over" }>) => boolean,
  failure: TaskFailure,
  now: Millis,
): TaskStep {
  const next: Tasks = {};
  const told: Told[] = [];
  for (const [id, entry] of Object.entries(tasks)) {
    if (entry.state === "over" || !isLost(entry)) {
      next[id] = entry;
      continue;
    }
    const { attempt, deployment } = entry.task;
    next[id] = { state: "over", deployment, attempt, isAccepted: false, at: now };
    told.push({ deployment, input: { type: "build-failed", attempt, failure, retryable: true } });
  }
  return { tasks: next, told };
}

const LOST: TaskFailure = {
  code: "region_lost",
  detail: "The region that was to build it went away.",
  fix: "Deploy again; `cloudify regions status` shows which regions are up.",
};
const LAPSED: TaskFailure = {
  code: "build_lapsed",
  detail: "The agent that built it went silent.",
  fix: "Deploy again; if it happens again, look at the agent's log and at the memory of its machine.",
};
