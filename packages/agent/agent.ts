/** The agent: its loops, and how they hang together. Beginning and end; no rules of its own. */
import type { Capacity } from "@cloudify/protocol";
import type { Client } from "./client.ts";
import type { BlobSource, Driver } from "./driver.ts";
import { FeedLoop } from "./feed-loop.ts";
import type { IdentityFile } from "./identity.ts";
import { LeaseLoop } from "./lease-loop.ts";
import { LogLoop } from "./log-loop.ts";
import type { Seams } from "./seams.ts";
import { StatusLoop } from "./status-loop.ts";
import { TaskLoop, type TaskOptions } from "./task-loop.ts";

export interface AgentOptions {
  client: Client;
  identity: IdentityFile;
  driver: Driver;
  blobs: BlobSource;
  /** Made anew for each process. */
  bootId: string;
  version: string;
  pid: number;
  capacity: Capacity;
  work(agent: Agent): TaskOptions["work"];
}

export class Agent {
  readonly lease: LeaseLoop;
  readonly feed: FeedLoop;
  readonly statuses: StatusLoop;
  readonly lines: LogLoop;
  readonly tasks: TaskLoop;
  #seams: Seams;
  #options: AgentOptions;
  #over = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(seams: Seams, options: AgentOptions) {
    this.#seams = seams;
    this.#options = options;
    const { client, identity, driver, capacity } = options;
    this.lease = new LeaseLoop(seams, {
      client,
      about: () => this.#about(),
      onGranted: (answer) => {
        if (answer.credential === null) identity.worked();
        this.feed.onIngressKey(answer.ingressKey);
      },
      onCredential: (credential) => identity.next(credential),
      onUnauthenticated: () => identity.fellBack(),
    });
    this.statuses = new StatusLoop(seams, client, this.lease);
    this.feed = new FeedLoop(
      seams,
      { client, driver, lease: this.lease, statuses: this.statuses },
      this.#over.signal,
    );
    this.lines = new LogLoop(seams, client, this.lease);
    const work = options.work(this);
    this.tasks = new TaskLoop(seams, { client, lease: this.lease, room: capacity.builds, work });
  }

  /** Puts up what was last known, and begins to ask; resolves when that is under way, whoever answers. */
  async start(): Promise<void> {
    const { driver, blobs, capacity } = this.#options;
    await driver.start(() => this.feed.ingressKey, blobs, {
      onStatus: (status) => this.statuses.set(status),
      onLine: ({ deployment, function: name, at, level, text }) => {
        const stream = name === null ? `region:${this.#options.identity.current.name}` : `function:${name}`;
        this.lines.add(deployment, { stream, at, level, text });
      },
    });
    this.feed.boot();
    const { signal } = this.#over;
    this.#running = Promise.all([
      this.#keep("lease", () => this.lease.run(signal)),
      this.#keep("feed", () => this.feed.run()),
      this.#keep("status", () => this.statuses.run(signal)),
      this.#keep("lines", () => this.lines.run(signal)),
      ...(capacity.builds > 0 ? [this.#keep("tasks", () => this.tasks.run(signal))] : []),
    ]);
  }

  /** Takes no new work, ends what it has begun, lets requests finish, and ends. */
  async stop(): Promise<void> {
    this.lease.drain();
    await Promise.race([this.tasks.stop(), this.#seams.clock.wait(STOP_TASKS_MS)]);
    await this.#options.driver.stop();
    this.lines.flush();
    this.#over.abort();
    await this.#running;
  }

  async #about() {
    const { driver, identity, bootId, version, pid, capacity } = this.#options;
    const load = await driver.load();
    return {
      holder: identity.current.holder,
      bootId,
      version,
      pid,
      driver: driver.name,
      capabilities: capacity.builds > 0 ? (["serve", "build"] as const) : (["serve"] as const),
      capacity,
      load: { ...load, builds: this.tasks.running },
      ingress: driver.ingress,
      applied: this.feed.applied,
    };
  }

  /** A loop that throws is begun again: the others, and what runs, are none the worse. */
  async #keep(loop: string, run: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#seams;
    while (!this.#over.signal.aborted) {
      try {
        await run();
      } catch (error) {
        const stack = error instanceof Error ? error.stack : String(error);
        log("error", `The agent's loop ${loop} has failed, and is begun again.`, { loop, error: stack });
        await clock.wait(1_000, this.#over.signal);
      }
    }
  }
}

/** Ends are told within this, or by the process that comes after this one. */
const STOP_TASKS_MS = 10_000;
