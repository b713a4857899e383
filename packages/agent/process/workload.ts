/**
 * One workload: at most one instance that serves, and one of a newer generation that comes up beside it.
 *
 *     asleep ─request, or isWarm→ starting ─ready→ serving ─30 min without a request→ asleep
 *                                    │                │
 *                                    └─── ended ──────┴─→ crashed ─back-off→ starting
 *
 * A newer generation starts beside the one that serves, takes its place when it is ready, and lets it finish. How an older
 * one ends says nothing of it.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { WorkloadStatus } from "@cloudify/protocol";
import type { Clock } from "../clock.ts";
import type { Wish } from "../driver.ts";
import { type Ended, Instance, type InstanceOptions } from "./instance.ts";
import { afterCrash, NO_CRASHES } from "./restart.ts";
import type { Acquired, Target } from "./target.ts";

export interface WorkloadSeams
  extends Pick<InstanceOptions, "region" | "node" | "runtime" | "startLimitMs" | "onLine"> {
  clock: Clock;
  random(): number;
  /** Folder for what instances write. */
  runs: string;
  idleMs: number;
  /** What is in flight may finish for so long when its instance is replaced. */
  drainMs: number;
  onStatus(status: WorkloadStatus): void;
}

/** A wish whose files are laid out. */
export interface Prepared {
  wish: Wish;
  root: string;
  /** Of what an instance is made of: the same, and it need not be replaced. */
  digest: string;
}

const MOMENT_MS = 100;
/** From a connection that breaks until all that the process had started has ended, on a busy machine. */
const ENDING_MS = 1_000;
/** Requests that wait for a start; more are told to go elsewhere. */
export const MAX_WAITING = 1_000;

export class Workload implements Target {
  #seams: WorkloadSeams;
  #prepared: Prepared;
  #serving: Instance | null = null;
  #servingDigest: string | null = null;
  #starting: Promise<Instance | null> | null = null;
  #instances = new Set<Instance>();
  /** Whose end is known already. */
  #retired = new WeakSet<Instance>();
  #waiting = 0;
  #crashes = NO_CRASHES;
  #restarts = 0;
  #coldStartMs: number | null = null;
  #usedAt: number;
  #status: WorkloadStatus;
  #over = new AbortController();
  /** Ends a pause: what it was for is replaced. */
  #replaced = new AbortController();

  constructor(prepared: Prepared, seams: WorkloadSeams) {
    this.#prepared = prepared;
    this.#seams = seams;
    this.#usedAt = seams.clock.monotonic();
    this.#status = this.#begin(false);
  }

  get status(): WorkloadStatus {
    return this.#status;
  }

  get wish(): Wish {
    return this.#prepared.wish;
  }

  get root(): string {
    return this.#prepared.root;
  }

  get instances(): readonly Instance[] {
    return [...this.#instances];
  }

  get kind(): "functions" | "service" {
    return this.#prepared.wish.material.spec.run.kind;
  }

  /** For how long nobody has asked, in milliseconds; 0 while somebody waits for an answer, or it starts. */
  get idleMs(): number {
    const isBusy = this.#starting !== null || this.instances.some(({ inFlight }) => inFlight > 0);
    return isBusy ? 0 : this.#seams.clock.monotonic() - this.#usedAt;
  }

  want(prepared: Prepared): void {
    const isSame = prepared.digest === this.#prepared.digest;
    const isNews = prepared.wish.stamp.generation > this.wish.stamp.generation;
    this.#prepared = prepared;
    const isAsleep = this.#serving === null && this.#starting === null;
    if (isSame) {
      const { ready, reason, detail } = this.#status;
      this.#say(ready, reason, detail);
      // All that is to run is said again now and then, and whoever sleeps sleeps on.
      if (isAsleep && isNews && prepared.wish.isWarm) void this.#ensure();
      return;
    }
    // What has crashed may be repaired by this.
    this.#crashes = NO_CRASHES;
    this.#restarts = 0;
    this.#begin(!isAsleep);
    this.#replaced.abort();
  }

  async acquire(signal: AbortSignal): Promise<Acquired> {
    const { clock } = this.#seams;
    if (this.#over.signal.aborted) return { ok: false, fault: "draining", detail: "It is being stopped." };
    const began = clock.monotonic();
    this.#usedAt = began;
    if (this.#serving) return this.#entered(this.#serving, null);
    if (this.#crashes.notBefore > began)
      return { ok: false, fault: "unreachable", detail: "It keeps crashing; the next start is put off." };
    if (this.#waiting >= MAX_WAITING || signal.aborted)
      return { ok: false, fault: "starting", detail: "Too many requests wait for its start." };
    this.#waiting += 1;
    const gone = new Promise<"gone">((resolve) => {
      signal.addEventListener("abort", () => resolve("gone"), { once: true });
    });
    const instance = await Promise.race([this.#ensure(), gone]);
    this.#waiting -= 1;
    if (instance === "gone") return { ok: false, fault: "starting", detail: "It did not start in time." };
    if (instance === null) return { ok: false, fault: "unreachable", detail: "It did not start." };
    return this.#entered(instance, Math.round(clock.monotonic() - began));
  }

  isEnding(instance: Instance): Promise<boolean> {
    const late = this.#seams.clock.wait(ENDING_MS, this.#over.signal).then(() => false);
    return Promise.race([instance.ended.then(() => true), late]);
  }

  /** It takes no more requests: another takes its place, as if it had ended. */
  async retire(instance: Instance): Promise<void> {
    const { clock, drainMs } = this.#seams;
    // Most often it is just ending; then its end says why.
    await Promise.race([instance.ended, clock.wait(MOMENT_MS, this.#over.signal)]);
    if (this.#serving !== instance || this.#over.signal.aborted) return;
    this.#serving = null;
    this.#retired.add(instance);
    void instance.drain(drainMs);
    const ran = clock.monotonic() - instance.startedAt;
    const detail = "It takes no requests any more; look in its log.";
    this.#crashed(this.#servingDigest, ran, { reason: "Crashed", detail });
  }

  /** Puts it to sleep when nobody has asked for long. */
  tick(): void {
    const { idleMs, drainMs } = this.#seams;
    const idle = this.#serving;
    if (!idle || this.#starting || idle.inFlight > 0 || this.idleMs < idleMs) return;
    this.#serving = null;
    void idle.drain(drainMs);
    this.#say("true", "Idle", "It starts with the next request.");
  }

  /** Resolves when no process of it is left. */
  async stop(drainMs: number): Promise<void> {
    this.#over.abort();
    this.#serving = null;
    await Promise.all([...this.#instances].map((one) => one.drain(one.address === null ? 0 : drainMs)));
    await this.#starting;
  }

  /** Says at once how it is: what is to be warm is never said to be ready before it is. */
  #begin(isAwake: boolean): WorkloadStatus {
    if (!isAwake && !this.#prepared.wish.isWarm)
      return this.#say("true", "Idle", "It starts with the first request.");
    const status = this.#say("false", "Starting", "");
    void this.#ensure();
    return status;
  }

  #entered(instance: Instance, coldMs: number | null): Acquired {
    const leave = instance.enter();
    const release = () => {
      this.#usedAt = this.#seams.clock.monotonic();
      leave();
    };
    return { ok: true, instance, release, coldMs };
  }

  /** One start at a time. @returns What serves; `null` when it could not be started. */
  #ensure(): Promise<Instance | null> {
    this.#starting ??= this.#launch().finally(() => {
      this.#starting = null;
      // What was wanted meanwhile.
      if (this.#serving && this.#servingDigest !== this.#prepared.digest) void this.#ensure();
    });
    return this.#starting;
  }

  async #launch(): Promise<Instance | null> {
    const { clock, runs, drainMs, region, node, runtime, startLimitMs, onLine } = this.#seams;
    this.#replaced = new AbortController();
    const until = AbortSignal.any([this.#over.signal, this.#replaced.signal]);
    await clock.wait(Math.max(0, this.#crashes.notBefore - clock.monotonic()), until);
    if (this.#over.signal.aborted) return null;
    const { wish, root, digest } = this.#prepared;
    // What it ended of is said until it is ready: whoever waits for it hears why, and since when.
    if (this.#status.ready === "true") this.#say("false", "Starting", "");
    const startedAt = clock.monotonic();
    const folder = join(runs, `${wish.id}.${randomBytes(6).toString("hex")}`);
    const options = {
      material: wish.material,
      root,
      folder,
      region,
      node,
      runtime,
      startLimitMs,
      onLine,
      startedAt,
    };
    const instance = await Instance.start(options).catch((error: unknown) => {
      this.#crashed(digest, 0, { reason: "Crashed", detail: `It could not be started: ${String(error)}` });
      return null;
    });
    if (instance === null) return null;
    this.#instances.add(instance);
    void instance.ended.then((ended) => this.#ended(instance, digest, ended));
    if (this.#over.signal.aborted) void instance.drain(0);
    const address = await instance.ready;
    if (this.#over.signal.aborted) await instance.drain(0);
    if (address === null || this.#over.signal.aborted) {
      // Its end says why, and until when the next start is put off.
      await instance.ended;
      return null;
    }
    this.#coldStartMs = Math.round(clock.monotonic() - startedAt);
    const before = this.#serving;
    this.#serving = instance;
    this.#servingDigest = digest;
    this.#usedAt = clock.monotonic();
    if (this.#prepared.digest === digest) this.#say("true", "Ready", "");
    void before?.drain(drainMs);
    return instance;
  }

  #ended(instance: Instance, digest: string, ended: Ended): void {
    this.#instances.delete(instance);
    if (this.#serving === instance) this.#serving = null;
    if (ended.why === "stopped" || this.#retired.has(instance) || this.#over.signal.aborted) return;
    const { clock, onLine } = this.#seams;
    const { reason, what, said } = told(ended, instance);
    // Whose requests failed by it are told to look there.
    const { deployment } = this.#prepared.wish.material;
    onLine({ deployment, function: null, level: "error", at: clock.now(), text: what });
    const detail = `${what}${said}`.slice(0, MAX_DETAIL);
    const ranMs = instance.address === null ? 0 : clock.monotonic() - instance.startedAt;
    this.#crashed(digest, ranMs, { reason, detail });
  }

  /** @param digest Of what has crashed. */
  #crashed(
    digest: string | null,
    ranMs: number,
    { reason, detail }: { reason: string; detail: string },
  ): void {
    const { clock, random } = this.#seams;
    if (digest === this.#prepared.digest) {
      this.#crashes = afterCrash(this.#crashes, ranMs, clock.monotonic(), random());
      this.#restarts += 1;
      this.#say("false", reason, detail);
    }
    // After the start that has just failed is over: there is one at a time.
    void Promise.resolve(this.#starting).then(() => {
      if (!this.#over.signal.aborted && this.#serving === null) void this.#ensure();
    });
  }

  #say(ready: WorkloadStatus["ready"], reason: string, detail: string): WorkloadStatus {
    const { id, stamp } = this.#prepared.wish;
    const before = this.#status as WorkloadStatus | undefined;
    const isAsBefore =
      before?.ready === ready && before.reason === reason && before.generation === stamp.generation;
    const since = isAsBefore ? before.since : this.#seams.clock.now();
    const { generation } = stamp;
    const counts = { restarts: this.#restarts, coldStartMs: this.#coldStartMs };
    this.#status = { id, generation, ready, reason, detail, ...counts, since };
    this.#seams.onStatus(this.#status);
    return this.#status;
  }
}

/** Details are read by people, in a list. */
const MAX_DETAIL = 2_000;

function told({ code, signal, why, lastLines }: Ended, { memoryLimitBytes }: Instance) {
  const limit = Math.round(memoryLimitBytes / 1_024 / 1_024);
  const how = signal === null ? `with code ${code}` : `by ${signal}`;
  const [reason = "", text = ""] = {
    crashed: ["Crashed", `It ended ${how}.`],
    memory: ["OutOfMemory", `It held more than ${limit} MiB, and was ended.`],
    hung: [
      "Unresponsive",
      "Its thread came back to nothing else while requests waited, as in an endless loop, and it was ended.",
    ],
    unready: ["NotListening", "It took no connection at PORT in time, and was ended."],
    stopped: ["Idle", "It was stopped."],
  }[why];
  const said = lastLines.length > 0 ? ` It last said:\n${lastLines.join("\n")}` : "";
  return { reason, what: text, said };
}
