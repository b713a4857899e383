/** The agent's view of its namespace: mirrors of all kinds that it cares for, and who is told of what. */
import { type Kube, KubeError } from "./client.ts";
import type { Plural, Served } from "./kinds.ts";
import { Mirror } from "./mirror.ts";
import { LABEL, MANAGED, SERVICE_LABEL } from "./names.ts";
import type { Deployment, EndpointSlice, Job, KubeEvent, KubeObject, Pod } from "./types.ts";
import { WORKLOAD_KINDS } from "./workload.ts";

/** Nothing heard for so long, with a fault since: what was seen last is no knowledge any more. */
const LOST_MS = 15_000;
const LOOK_MS = 1_000;

export interface ClusterEvents {
  /** An object that the agent makes, and its name; `null` when it is gone. */
  onObject(plural: Plural, name: string, object: KubeObject | null): void;
  onPod(pod: Pod): void;
  /** The way to a Service's pods has changed. */
  onRoute(service: string): void;
  onEvent(event: KubeEvent): void;
  /** All that is known has become unknown, or known again. */
  onReach(isReached: boolean): void;
}

export class Cluster {
  readonly pods: Mirror<Pod>;
  readonly jobs: Mirror<Job>;
  isReached = true;
  readonly #mirrors: Mirror<KubeObject>[] = [];
  readonly #deployments: Mirror<Deployment>;
  readonly #slices: Mirror<EndpointSlice>;
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #ending = new AbortController();
  readonly #events: ClusterEvents;
  #brokenAt: number | null = null;
  #look: NodeJS.Timeout | null = null;
  #following: Promise<unknown> = Promise.resolve();

  constructor(kube: Kube, served: Served, events: ClusterEvents) {
    this.#events = events;
    const mirror = <T extends KubeObject>(
      plural: Plural,
      query: Record<string, string>,
      onChange: (object: T | null, was: T | null) => void,
    ): Mirror<T> => {
      const onReach = (error: Error | null): void => this.#heard(error);
      const made = new Mirror<T>(kube, served.path(plural), query, { onChange, onReach });
      this.#mirrors.push(made as unknown as Mirror<KubeObject>);
      return made;
    };
    const ours = { labelSelector: MANAGED };
    const tell =
      (plural: Plural) =>
      (object: KubeObject | null, was: KubeObject | null): void => {
        events.onObject(plural, (object ?? was)?.metadata.name ?? "", object);
      };
    this.#deployments = mirror<Deployment>("deployments", ours, (object, was) => {
      this.#poke((object ?? was)?.metadata.name);
      tell("deployments")(object, was);
    });
    for (const plural of WORKLOAD_KINDS) {
      if (plural !== "deployments" && served.has(plural)) mirror(plural, ours, tell(plural));
    }
    this.jobs = mirror<Job>("jobs", ours, (object, was) => this.#poke(workloadOf(object ?? was)));
    this.pods = mirror<Pod>("pods", ours, (object, was) => {
      const pod = object ?? was;
      if (!pod) return;
      this.#poke(workloadOf(pod));
      events.onPod(pod);
    });
    // Without a selector: not every release hands a Service's labels on to them.
    this.#slices = mirror<EndpointSlice>("endpointslices", {}, (object, was) => {
      const service = (object ?? was)?.metadata.labels?.[SERVICE_LABEL] ?? "";
      this.#poke(service);
      events.onRoute(service);
    });
    mirror<KubeEvent>("events", {}, (event) => event && events.onEvent(event));
  }

  /** @throws When the API server can't be reached, or refuses to list: nothing is known then. */
  async start(): Promise<void> {
    const versions = await Promise.all(this.#mirrors.map((one) => one.fill()));
    const { signal } = this.#ending;
    this.#following = Promise.all(this.#mirrors.map((one, at) => one.follow(versions[at] ?? "", signal)));
    this.#look = setInterval(() => this.#judge(), LOOK_MS);
  }

  async stop(): Promise<void> {
    if (this.#look) clearInterval(this.#look);
    this.#ending.abort();
    await this.#following;
  }

  get deployments(): ReadonlyMap<string, Deployment> {
    return this.#deployments.objects;
  }

  podsOf(name: string): Pod[] {
    return [...this.pods.objects.values()].filter(
      ({ metadata }) => metadata.labels?.[LABEL.workload] === name,
    );
  }

  slicesOf(service: string): EndpointSlice[] {
    return [...this.#slices.objects.values()].filter(
      ({ metadata }) => metadata.labels?.[SERVICE_LABEL] === service,
    );
  }

  /** Calls when something of a workload or build changes, or the way to it. @returns How to stop it. */
  listen(name: string, listener: () => void): () => void {
    const all = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, all.add(listener));
    return () => {
      all.delete(listener);
      if (all.size === 0) this.#listeners.delete(name);
    };
  }

  #poke(name = ""): void {
    for (const listener of this.#listeners.get(name) ?? []) listener();
  }

  #heard(error: Error | null): void {
    // Refused by a server that is there: told by the call itself.
    if (error instanceof KubeError && error.code < 500 && error.code !== 401) return;
    this.#brokenAt = error ? (this.#brokenAt ?? performance.now()) : null;
    if (!error) this.#judge();
  }

  #judge(): void {
    const isReached = this.#brokenAt === null || performance.now() - this.#brokenAt < LOST_MS;
    if (isReached === this.isReached) return;
    this.isReached = isReached;
    this.#events.onReach(isReached);
  }
}

const workloadOf = (object: KubeObject | null): string | undefined =>
  object?.metadata.labels?.[LABEL.workload];
