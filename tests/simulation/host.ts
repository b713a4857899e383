/** One process of an agent: the real loops on a virtual clock, with a home, a way to the API and a cluster. */
import type { BuildTask, TaskResult } from "@cloudify/protocol";
import { Agent } from "../../packages/agent/agent.ts";
import { createClient } from "../../packages/agent/client.ts";
import { IdentityFile } from "../../packages/agent/identity.ts";
import type { Seams } from "../../packages/agent/seams.ts";
import { LAST_GOOD, type LastGood, load } from "../../packages/agent/state.ts";
import type { Done } from "../../packages/agent/task-loop.ts";
import { serve } from "./api.ts";
import type { Cluster } from "./cluster.ts";
import { ClusterDriver } from "./cluster.ts";
import type { Files } from "./files.ts";
import { Process } from "./timeline.ts";
import type { World } from "./world.ts";

export class Host {
  readonly region: string;
  readonly bootId: string;
  readonly files: Files;
  readonly process: Process;
  agent: Agent | null = null;
  readonly cluster: Cluster;
  readonly #world: World;

  constructor(world: World, region: string, files: Files, cluster: Cluster, bootId: string) {
    this.#world = world;
    this.region = region;
    this.files = files;
    this.cluster = cluster;
    this.bootId = bootId;
    this.process = new Process(world.timeline);
  }

  async start(): Promise<void> {
    const world = this.#world;
    const { process, region } = this;
    const seams: Seams = {
      clock: process.clock,
      random: world.chance.next,
      storage: this.files.storage,
      log: (level, message) => world.monitor.note(`${this.bootId} ${level} ${message}`),
      fetch: (url, init) =>
        world.network.call(process, `agent:${region}`, () => serve(world, region, url, init)),
    };
    const identity = new IdentityFile(seams);
    const plain = createClient("http://api", () => identity.credential, seams);
    const client: typeof plain = {
      ...plain,
      feed: async (...asked) => {
        const answer = await plain.feed(...asked);
        if (!answer.ok) return answer;
        const held = load<LastGood>(seams.storage, LAST_GOOD, seams.log)?.items ?? [];
        return { ok: true, value: world.rules.heard(answer.value, held) };
      },
    };
    await identity.exchange(client, `token of ${region}`, new AbortController().signal);
    const agent = new Agent(seams, {
      client,
      identity,
      driver: new ClusterDriver(world, process, this.cluster, this.bootId),
      blobs: { fileOf: async () => "" },
      bootId: this.bootId,
      version: "0",
      pid: 1,
      capacity: { cpu: 1, memoryBytes: 1, builds: 2 },
      work: (running) => (task, signal) => this.#build(running, task, signal),
    });
    this.agent = agent;
    await agent.start();
  }

  /** Says lines while it lasts; may fail, for good or not. */
  async #build({ lines }: Agent, task: BuildTask, signal: AbortSignal): Promise<Done> {
    const { chance } = this.#world;
    const { clock } = this.process;
    const steps = chance.between(1, 6);
    for (let turn = 0; turn < steps && !signal.aborted; turn++) {
      const text = this.#world.line(`${task.id} ${task.attempt}`);
      lines.add(task.deployment, { stream: "build", at: clock.now(), level: "info", text });
      await clock.wait(chance.between(200, 6_000), signal);
    }
    return {
      result: signal.aborted ? CUT : this.#end(task),
      resupply: async () => {},
      dispose: async () => {},
    };
  }

  #end({ deployment, attempt }: BuildTask): TaskResult {
    const { chance } = this.#world;
    if (chance.happens(0.1)) return { ...CUT, isRetryable: chance.happens(0.5) };
    return { ok: true, output: [{ path: `${deployment} ${attempt}`, sha256: "", size: 1 }] };
  }
}

const CUT = {
  ok: false,
  failure: { code: "build_failed", detail: "It failed.", fix: "Deploy again." },
  isRetryable: true,
} as const;
