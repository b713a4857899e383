/**
 * Where the Ingress of a workload leads that has no pod: asks for the region's key as its pods do, wakes it, and hands the
 * request on; and the rounds in which it is looked who may fall asleep.
 */
import { Agent } from "node:http";
import type { Clock } from "../clock.ts";
import { type Ingress, startIngress } from "../process/ingress.ts";
import type { Sleeper } from "./sleeper.ts";

/** Workloads whose pods are asked at once. */
const AT_ONCE = 8;
/** What is handed on may finish for so long when the agent ends: less than Kubernetes gives it. */
const DRAIN_MS = 15_000;

export class Activator {
  /** Of all pods: each keeps its connections apart by their address. */
  readonly agent = new Agent({ keepAlive: true, maxFreeSockets: 64 });
  readonly #clock: Clock;
  readonly #ending = new AbortController();
  #ingress: Ingress | null = null;
  #rounds: Promise<void> = Promise.resolve();
  #active = 0;
  #onIdle: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param port `null`: nothing can lead here, so nothing may fall asleep. */
  async start(
    port: number | null,
    key: () => string | null,
    sleepers: { of(deployment: string, group: string): Sleeper | undefined; all(): Iterable<Sleeper> },
    tickMs: number,
  ): Promise<void> {
    if (port === null) return;
    const clock = this.#clock;
    this.#ingress = await startIngress({ host: null, port, clock, key, target: sleepers.of });
    this.#rounds = this.#walk(sleepers.all, tickMs);
  }

  /** A request has begun that is handed on. @returns To be called when it is over. */
  enter(): () => void {
    this.#active += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#active -= 1;
      if (this.#active === 0) this.#onIdle();
    };
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#ingress?.drain();
    await Promise.all([this.#rounds, this.#drained()]);
    await this.#ingress?.close();
    this.agent.destroy();
  }

  async #drained(): Promise<void> {
    if (this.#active === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const over = new AbortController();
    await Promise.race([promise, this.#clock.wait(DRAIN_MS, over.signal)]);
    over.abort();
  }

  async #walk(all: () => Iterable<Sleeper>, tickMs: number): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await this.#clock.wait(tickMs, signal);
      const queue = [...all()].values();
      const walk = async (): Promise<void> => {
        for (const one of queue) if (!signal.aborted) await one.look();
      };
      await Promise.all(Array.from({ length: AT_ONCE }, walk));
    }
  }
}
