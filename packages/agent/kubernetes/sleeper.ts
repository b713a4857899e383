/**
 * One workload's sleep: when it falls asleep, and who wakes it (rest.ts has the picture). For the activator it is whom
 * requests are handed to, as a process is elsewhere. It decides; what is written, and behind which fence, is not its own.
 */
import type { Agent } from "node:http";
import type { WorkloadStatus } from "@cloudify/protocol";
import type { Clock } from "../clock.ts";
import type { Applied } from "../driver.ts";
import type { Acquired, Place, Target } from "../process/target.ts";
import { MAX_WAITING } from "../process/workload.ts";
import { POD } from "./pod-contract.ts";
import { askAgainMs, idleOf, type Rest, type RestTimes } from "./rest.ts";

/** A workload as the cluster shows it. */
export interface Seen {
  status: Pick<WorkloadStatus, "ready" | "reason" | "detail">;
  /** Addresses of all its pods that are to stay; `null`: it has none yet. */
  pods: readonly (string | null)[];
  /** Of those that take requests. */
  answering: readonly string[];
}

export interface SleeperSeams {
  clock: Clock;
  random(): number;
  times: RestTimes;
  agent: Agent;
  rest(): Rest;
  /** Writes what is decided, in turn with all else that is written of it. @param decide Is given how it rests then. */
  move(decide: (rest: Rest) => Rest): Promise<Applied>;
  seen(): Seen;
  /** Calls when what is seen may have changed. @returns How to stop it. */
  onChange(listener: () => void): () => void;
  askIdle(podIP: string): Promise<number | null>;
  /** Where a pod takes requests. */
  hostOf(podIP: string): string;
}

type Woken = { ok: true } | (Acquired & { ok: false });

/** As long as a pod's startup probe waits, and as its files may take. */
const START_LIMIT_MS = 120_000;
/** A pod that takes no requests is most often just ending, which is seen a moment later. */
const MOMENT_MS = 100;

export class Sleeper implements Target {
  readonly kind = "pod";
  readonly #seams: SleeperSeams;
  /** Requests that have come here, ever. */
  #asked = 0;
  /** Its pods are being taken away: nothing is handed to them any more. */
  #isFalling = false;
  #waiting = 0;
  #waking: Promise<Woken> | null = null;
  /** Monotonic. */
  #lookAt = 0;
  #retired: string | null = null;
  readonly #over = new AbortController();

  constructor(seams: SleeperSeams) {
    this.#seams = seams;
  }

  /** Falls asleep when nobody asks, by one step a look; does nothing before it is time. */
  async look(): Promise<void> {
    const { clock, times, rest, seen, askIdle, move } = this.#seams;
    const now = clock.monotonic();
    if (now < this.#lookAt || times.idleMs === Number.POSITIVE_INFINITY) return;
    if (rest() === "asleep") return;
    this.#lookAt = now + times.askMs;
    const { status, pods } = seen();
    if (!isServing(status)) return;
    const asked = this.#asked;
    const idle = idleOf(await Promise.all(pods.map((podIP) => (podIP === null ? null : askIdle(podIP)))));
    // Whoever comes while they are asked has not reached them yet.
    const isIdle = (): boolean => idle >= times.idleMs && this.#asked === asked;
    if (rest() === "awake") {
      this.#lookAt = now + (isIdle() ? times.followMs : askAgainMs(idle, times));
      if (isIdle()) await move((is) => (is === "awake" && isIdle() ? "dozing" : is));
      return;
    }
    await move((is) => {
      if (is !== "dozing") return is;
      this.#isFalling = isIdle();
      return this.#isFalling ? "asleep" : "awake";
    });
    this.#isFalling = false;
  }

  async acquire(signal: AbortSignal): Promise<Acquired> {
    const { clock, rest } = this.#seams;
    if (this.#over.signal.aborted) return ENDED;
    const began = clock.monotonic();
    this.#asked += 1;
    if (rest() !== "asleep" && !this.#isFalling) {
      const place = this.#place();
      // Whoever dozes is woken by the first; the others are handed on as long as they come here.
      if (place && rest() === "dozing") void this.#wake();
      if (place) return entered(place, null);
    }
    if (this.#waiting >= MAX_WAITING || signal.aborted)
      return { ok: false, fault: "starting", detail: "Too many requests wait for its start." };
    this.#waiting += 1;
    const gone = aborted(signal);
    const woken = await Promise.race([this.#wake(), gone]);
    this.#waiting -= 1;
    if (woken === "aborted") return LATE;
    if (!woken.ok) return woken;
    const place = this.#place();
    return place ? entered(place, Math.round(clock.monotonic() - began)) : unreachable("It did not start.");
  }

  /** A program that ends is its pod's own to tell of. */
  async isEnding(): Promise<boolean> {
    return false;
  }

  async retire({ address }: Place): Promise<void> {
    this.#retired = address?.host ?? null;
    await this.#seams.clock.wait(MOMENT_MS, this.#over.signal);
  }

  /** Those who wait are told: by its tombstone, or when the agent ends. */
  end(): void {
    this.#over.abort();
  }

  /** One start for all who wait for it; goes on when they do not. */
  #wake(): Promise<Woken> {
    this.#waking ??= this.#start().finally(() => {
      this.#waking = null;
    });
    return this.#waking;
  }

  async #start(): Promise<Woken> {
    const { move } = this.#seams;
    const moved = await move((rest) => (rest === "asleep" ? "dozing" : rest));
    if (!moved.ok) return moved.reason === "fenced" ? ENDED : unreachable(moved.detail);
    const woken = await this.#serving();
    // Nobody waits for this: until routers have followed, requests are handed on.
    if (woken.ok) void move((rest) => (rest === "dozing" ? "awake" : rest));
    return woken;
  }

  /** Until it takes requests, or it is seen that it does not start. */
  async #serving(): Promise<Woken> {
    const { clock, seen, onChange } = this.#seams;
    const found = (): Woken | null => {
      const { status, answering } = seen();
      if (isServing(status) && answering.length > 0) return { ok: true };
      return isFaulty(status) ? unreachable(`It does not start: ${status.reason}.`) : null;
    };
    const over = new AbortController();
    const until = AbortSignal.any([over.signal, this.#over.signal]);
    const { promise, resolve } = Promise.withResolvers<Woken>();
    const look = (): void => {
      const end = found();
      if (end) resolve(end);
    };
    const stop = onChange(look);
    look();
    const late = clock.wait(START_LIMIT_MS, until).then(() => (this.#over.signal.aborted ? ENDED : LATE));
    const woken = await Promise.race([promise, late]);
    over.abort();
    stop();
    return woken;
  }

  /** @returns A pod that takes requests, any of them but the one that has just refused; `null`: there is none. */
  #place(): Place | null {
    const { seen, hostOf, agent, random } = this.#seams;
    const hosts = seen().answering.map(hostOf);
    const others = hosts.filter((host) => host !== this.#retired);
    const among = others.length > 0 ? others : hosts;
    const host = among[Math.floor(random() * among.length)];
    if (host === undefined) return null;
    return { address: { host, port: POD.port }, agent, isBroken: false, isDrained: false, isHung: false };
  }
}

/** Until when it is asked the pod itself knows. */
const entered = (instance: Place, coldMs: number | null): Acquired => ({
  ok: true,
  instance,
  release: () => undefined,
  coldMs,
});

const isServing = ({ ready, reason }: Seen["status"]): boolean => ready === "true" && reason === "Ready";
/** It may still come, but nobody is to wait for that. */
const isFaulty = ({ ready, reason }: Seen["status"]): boolean => ready === "false" && reason !== "Starting";

const ENDED = { ok: false, fault: "draining", detail: "This region takes no new requests for it." } as const;
const LATE = { ok: false, fault: "starting", detail: "It did not start in time." } as const;
const unreachable = (detail: string) => ({ ok: false, fault: "unreachable", detail }) as const;

const aborted = (signal: AbortSignal): Promise<"aborted"> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve("aborted"), { once: true }));
