/**
 * Stands in for durable-objects/deployment.ts and deployment-regions.ts: features/deployments/machine.ts, and what it
 * owes done over the same calls. Slots are always free; the compiler is one that may vanish or fail.
 */
import { type BuildTask, NO_BUILD_SETTINGS } from "@cloudify/protocol";
import { findBuilder } from "#features/deployments/builders.ts";
import { BUILD_MS, create, dueAt, isFinished, step } from "#features/deployments/machine.ts";
import type { Effect, Input, Pinned, Spec, Deployment as State, Step } from "#features/deployments/state.ts";
import { wantedIn } from "#features/deployments/wanted.ts";
import { SimulatedObject } from "./custody.ts";
import type { Region } from "./region.ts";
import type { World } from "./world.ts";

export class Deployment extends SimulatedObject<Effect> {
  state: State;
  isRemoved = false;

  constructor(world: World, spec: Spec) {
    super(world, spec.id);
    const first = create(spec, world.timeline.now);
    if (!first.ok) throw new Error("a deployment can always begin");
    this.state = first.state;
    this.commit(first.effects);
  }

  get isFinished(): boolean {
    return isFinished(this.state.status);
  }

  send(input: Input): Step {
    const next = step(this.state, input, this.now);
    if (!next.ok) return next;
    if (input.type === "built" && this.state.status === "building")
      this.world.monitor.built(this.name, this.state.attempt, input.manifest);
    this.world.monitor.moved(this.name, this.state.status, next.state.status);
    this.state = next.state;
    this.commit(next.effects);
    return next;
  }

  /** What is owed to regions is done before all is forgotten. */
  async remove(): Promise<void> {
    await this.#forget();
    this.isRemoved = true;
  }

  protected dueAt(): number | null {
    return dueAt(this.state);
  }

  protected tick(): void {
    this.send({ type: "tick" });
  }

  protected async perform(effect: Effect): Promise<void> {
    const { state } = this;
    switch (effect.kind) {
      case "request-slot":
        this.send({ type: "granted" });
        return;
      case "queue-build":
        return this.#offer(effect.attempt);
      case "withdraw":
        await Promise.all(
          this.world.regions.map((region) => this.ask(region, () => region.withdraw(`build.${this.name}`))),
        );
        return;
      case "place":
        if (state.status === "releasing") await this.#place(effect.workloads, effect.pinned);
        return;
      case "forget":
        return this.#forget();
      case "dispatch":
        this.world.compile(this, effect.attempt);
        return;
      case "publish":
        return this.#publish();
      case "note-output":
      case "release-slot":
      case "finish-log":
        return;
    }
  }

  async #offer(attempt: number): Promise<void> {
    const { state } = this;
    if (state.status !== "building" || state.attempt !== attempt || state.offerAt === null) return;
    const { spec, lost, region: held } = state;
    const task: BuildTask = {
      kind: "build",
      id: `build.${spec.id}`,
      attempt,
      team: spec.team,
      project: spec.project,
      projectName: spec.project,
      deployment: spec.id,
      source: "source",
      target: spec.target,
      branch: spec.branch,
      settings: NO_SETTINGS,
      url: spec.hostname,
      limitMs: BUILD_MS,
    };
    const named = new Set([...spec.regions, ...this.world.regions.map(({ name }) => name)]);
    const asked = <T>(name: string, otherwise: T, ask: (region: Region) => T): Promise<T> => {
      const region = this.world.region(name);
      return this.ask(region, () => ask(region)).catch(() => otherwise);
    };
    const found = await findBuilder(
      [...named],
      { held, lost },
      {
        roomOf: (name) =>
          asked<number | null>(name, null, (region) => {
            const room = region.room(task.id);
            return room.ok ? room.free : null;
          }),
        offer: (name, ifFree) => asked(name, false, (region) => region.offer(task, ifFree).ok),
        takeBack: (name) => asked(name, false, (region) => region.takeBack(task.id, attempt)),
      },
    );
    if (found) this.send({ type: "offered", attempt, ...found });
  }

  async #place(workloads: Record<string, string>, pinned: Pinned): Promise<void> {
    const silent: string[] = [];
    await this.#each((region) => {
      const wanted = wantedIn(region.name, this.state.spec, workloads, pinned);
      if (region.desire(wanted) === "silent") silent.push(region.name);
    });
    for (const region of silent) this.send({ type: "unheard", region, isGone: false });
  }

  #forget(): Promise<void> {
    return this.#each((region) => region.forget(this.name));
  }

  async #each(act: (region: ReturnType<World["region"]>) => void): Promise<void> {
    const regions = this.state.spec.regions.map((name) => this.world.region(name));
    await Promise.all(regions.map((region) => this.ask(region, () => act(region))));
  }

  async #publish(): Promise<void> {
    const { state } = this;
    if (state.status !== "releasing" || state.placing) return;
    const { id, createdAt, regions, target } = state.spec;
    const { site, failover } = state;
    this.world.kv.put(`deployment:${id}`, { id, regions, failover, target, createdAt, site });
    const going = this.send({ type: "assigning" });
    if (!going.ok && going.reason !== "nothing") return this.world.kv.remove(`deployment:${id}`);
    const release = { deployment: id, site: state.site, createdAt };
    const { pointer } = this.world;
    await this.ask(pointer, () => pointer.send({ type: "assign", release }));
    this.send({ type: "released" });
  }
}

const NO_SETTINGS = NO_BUILD_SETTINGS;
