/**
 * What durable-objects/custody.ts does, without its platform: state survives a crash, what is owed is done in order and
 * again until it succeeds, and the alarm follows from the state. Each change and what it owes are one step.
 */

import { Process } from "./timeline.ts";
import type { World } from "./world.ts";

const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;

interface Owed<Effect> {
  effect: Effect;
  due: number;
  attempts: number;
}

export abstract class SimulatedObject<Effect> {
  readonly name: string;
  protected readonly world: World;
  /** Ends with each crash, and with it everything that was under way. */
  protected life: Process;
  isUp = true;
  #outbox: Owed<Effect>[] = [];
  #driving: Process | null = null;
  #disarm: () => void = () => undefined;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.life = new Process(world.timeline);
  }

  protected abstract dueAt(): number | null;
  protected abstract tick(): void;
  protected abstract perform(effect: Effect): Promise<void>;

  get owes(): number {
    return this.#outbox.length;
  }

  protected get now(): number {
    return this.world.timeline.now;
  }

  /** The caller has changed the state just before, without waiting for anything in between. */
  protected commit(effects: readonly Effect[]): void {
    for (const effect of effects) this.#outbox.push({ effect, due: this.now, attempts: 0 });
    this.#arm();
    const { life } = this;
    queueMicrotask(() => life.run(() => void this.#drive(life)));
  }

  crash(): void {
    this.isUp = false;
    this.life.kill();
    this.#driving = null;
    this.#disarm();
  }

  restart(): void {
    this.isUp = true;
    this.life = new Process(this.world.timeline);
    this.#alarm();
  }

  /** Asks another object: it may fail before or after it has done what it was asked. */
  protected ask<T>(other: { isUp: boolean }, serve: () => T | Promise<T>): Promise<T> {
    return this.world.rpc(this.life, other, serve);
  }

  #alarm(): void {
    this.tick();
    this.#arm();
    void this.#drive(this.life);
  }

  #arm(): void {
    this.#disarm();
    const owed = this.#outbox.map(({ due }) => Math.max(due, this.now + RETRY_MS));
    const state = this.dueAt();
    const due = Math.min(...owed, state ?? Number.POSITIVE_INFINITY);
    if (due === Number.POSITIVE_INFINITY || !this.isUp) return;
    this.#disarm = this.world.timeline.after(due - this.now, () => this.#alarm());
  }

  /** One effect at a time; what fails waits, and the others go on. */
  async #drive(life: Process): Promise<void> {
    if (this.#driving) return;
    this.#driving = life;
    for (;;) {
      const first = this.#outbox.find(({ due }) => due <= this.now);
      if (!first) break;
      const isDone = await this.perform(first.effect).then(
        () => true,
        () => false,
      );
      if (life.isOver) return;
      if (isDone) this.#outbox.splice(this.#outbox.indexOf(first), 1);
      else {
        const ceiling = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** first.attempts);
        first.due = this.now + Math.ceil(ceiling * this.world.chance.next());
        first.attempts += 1;
      }
    }
    this.#driving = null;
    this.#arm();
  }
}
