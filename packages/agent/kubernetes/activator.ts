/**
 * Where the Ingress of a workload leads that has no pod: asks for the region's key as its pods do, wakes it, and hands the
 * request on; and the rounds in which it is looked who may fall asleep.
 */
import { Agent } from "node:http";
import type { Clock } from "../clock.ts";
import { each } from "../each.ts";
import { type Ingress, startIngress } from "../process/ingress.ts";
import type { Sleeper } from "./sleeper.ts";

/** Workloads whose pods are asked at once. */
const AT_ONCE = 8;
/** What is handed on, or waits for a start, may finish for so long when the agent ends: less than Kubernetes gives it. */
const DRAIN_MS = 15_000;
/** In which those who are told that they wait in vain hear it. */
const LAST_WORD_MS = 1_000;

interface Sleepers {
  of(deployment: string, group: string): Sleeper | undefined;
  all(): Iterable<Sleeper>;
}

export class Activator {
  /** Of all pods: each keeps its connections apart by their address. */
  readonly agent = new Agent({ keepAlive: true, maxFreeSockets: 64 });
  readonly #clock: Clock;
  readonly #sleepers: Sleepers;
  readonly #ending = new AbortController();
  #ingress: Ingress | null = null;
  #rounds: Promise<void> = Promise.resolve();

  constructor(clock: Clock, sleepers: Sleepers) {
    this.#clock = clock;
    this.#sleepers = sleepers;
  }

  /** @param port `null`: nothing can lead here, so nothing may fall asleep. */
  async start(port: number | null, key: () => string | null, tickMs: number): Promise<void> {
    if (port === null) return;
    const clock = this.#clock;
    this.#ingress = await startIngress({ host: null, port, clock, key, target: this.#sleepers.of });
    this.#rounds = this.#walk(tickMs);
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#ingress?.drain();
    const isDrained = Promise.all([this.#rounds, this.#ingress?.drained()]);
    await this.#within(isDrained, DRAIN_MS);
    for (const one of this.#sleepers.all()) one.end();
    await this.#within(this.#ingress?.drained(), LAST_WORD_MS);
    await this.#ingress?.close();
    this.agent.destroy();
  }

  async #within(work: Promise<unknown> | undefined, limitMs: number): Promise<void> {
    const over = new AbortController();
    await Promise.race([work, this.#clock.wait(limitMs, over.signal)]);
    over.abort();
  }

  async #walk(tickMs: number): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await this.#clock.wait(tickMs, signal);
      await each([...this.#sleepers.all()], AT_ONCE, async (one) => {
        if (!signal.aborted) await one.look();
      });
    }
  }
}
