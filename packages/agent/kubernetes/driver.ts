/**
 * Runs workloads and builds in a Kubernetes namespace. What is desired is the agent's to decide; that it is so, and stays
 * so, is this driver's, behind the fence of store.ts. What runs goes on when the agent ends; what sleeps is woken by it.
 */
import { type Load, workloadId } from "@cloudify/protocol";
import { type Clock, systemClock } from "../clock.ts";
import type {
  Actual,
  Applied,
  BlobSource,
  BuildEnd,
  BuildJob,
  Driver,
  DriverEvents,
  Stamp,
  Wish,
} from "../driver.ts";
import { Activator } from "./activator.ts";
import { runBuild } from "./builds.ts";
import { Bundles } from "./bundle.ts";
import type { Kube } from "./client.ts";
import { Cluster } from "./cluster.ts";
import { Correction } from "./correction.ts";
import { Holdings } from "./holdings.ts";
import { askIdle } from "./idle.ts";
import { negotiate, type Served } from "./kinds.ts";
import { Lines } from "./lines.ts";
import { loadOf } from "./load.ts";
import { ANNOTATION, LABEL, MANAGED, nameOf, SERVICE_LABEL, stampOf } from "./names.ts";
import type { Rest } from "./rest.ts";
import type { KubernetesSettings } from "./settings.ts";
import { Sleeper } from "./sleeper.ts";
import { seenOf } from "./status.ts";
import { Statuses } from "./statuses.ts";
import { FencedStore } from "./store.ts";
import type { Deployment, EndpointSlice, Pod } from "./types.ts";

const RESYNC_MS = 600_000;
const KEY_LOOK_MS = 5_000;

/** What it takes from outside, beside the cluster. */
export interface KubernetesSeams {
  clock: Clock;
  random(): number;
  /** Where a pod is reached that has this address. */
  hostOf(podIP: string): string;
}

const SEAMS: KubernetesSeams = { clock: systemClock(), random: Math.random, hostOf: (podIP) => podIP };

/** What there is from `start` to `stop`. */
interface Running {
  served: Served;
  bundles: Bundles;
  cluster: Cluster;
  correction: Correction;
  holdings: Holdings;
  activator: Activator;
  statuses: Statuses;
  lines: Lines;
  timers: NodeJS.Timeout[];
}

export class KubernetesDriver implements Driver {
  readonly name = "kubernetes";
  readonly ingress: string | null;
  readonly #kube: Kube;
  readonly #settings: KubernetesSettings;
  readonly #seams: KubernetesSeams;
  #started: Running | null = null;

  constructor(kube: Kube, settings: KubernetesSettings, seams = SEAMS) {
    this.#kube = kube;
    this.#settings = settings;
    this.#seams = seams;
    this.ingress = settings.ingress;
  }

  /** @throws When the API server can't be reached or refuses: the agent tries again. */
  async start(key: () => string | null, blobs: BlobSource, events: DriverEvents): Promise<void> {
    const kube = this.#kube;
    const settings = this.#settings;
    const served = await negotiate(kube, settings.namespace);
    const correction = new Correction(new FencedStore(kube, served));
    const lines = new Lines(kube, served, events, () => cluster);
    const statuses = new Statuses(events, () => cluster);
    const cluster: Cluster = new Cluster(kube, served, {
      onObject: (plural, name, object) => {
        correction.look(plural, name, object);
        if (plural === "deployments") statuses.look(name);
      },
      onPod: (pod) => {
        statuses.look(pod.metadata.labels?.[LABEL.workload] ?? "");
        lines.look(pod);
      },
      onRoute: (service) => statuses.look(service),
      onEvent: (event) => lines.tell(event),
      onReach: () => statuses.lookAtAll(),
    });
    const bundles = new Bundles((id, detail) => {
      const deployment = holdings.get(id)?.wish.material.deployment;
      if (deployment)
        events.onLine({ deployment, function: null, at: Date.now(), level: "warn", text: detail });
    });
    const activator: Activator = new Activator(this.#seams.clock, {
      of: (deployment, group) => holdings.get(workloadId(deployment, group))?.sleeper,
      all: () => holdings.sleepers(),
    });
    const sleeperOf = (id: string, rest: () => Rest): Sleeper => {
      const name = nameOf(id);
      return new Sleeper({
        ...this.#seams,
        rest,
        askIdle: (podIP) => askIdle(this.#seams.hostOf(podIP)),
        times: settings.rest,
        agent: activator.agent,
        move: (decide) => holdings.move(id, decide),
        seen: () => seenOf(cluster.deployments.get(name), cluster.podsOf(name), cluster.slicesOf(name)),
        onChange: (listener) => cluster.listen(name, listener),
      });
    };
    const around = { kube, served, settings, blobs, bundles, correction, key, sleeperOf };
    const holdings: Holdings = new Holdings(around);
    await bundles.listen(settings.bundlePort);
    try {
      await cluster.start();
      await activator.start(settings.activatorPort, key, settings.rest.tickMs);
    } catch (error) {
      await Promise.all([bundles.close(), cluster.stop()]);
      throw error;
    }
    const timers = [
      setInterval(() => correction.resync(), RESYNC_MS),
      setInterval(() => void holdings.followKey(), KEY_LOOK_MS),
    ];
    this.#started = {
      served,
      bundles,
      cluster,
      correction,
      holdings,
      activator,
      statuses,
      lines,
      timers,
    };
  }

  async apply(wish: Wish, signal: AbortSignal): Promise<Applied> {
    return this.#running.holdings.apply(wish, signal);
  }

  async remove(id: string, stamp: Stamp, signal: AbortSignal): Promise<Applied> {
    return this.#running.holdings.remove(id, stamp, signal);
  }

  /** Asks the server, for what was just applied may not have been watched yet. */
  async list(): Promise<Actual[]> {
    const { served, statuses } = this.#running;
    const query = { labelSelector: `${MANAGED},${LABEL.component}=workload` };
    const [deployments, pods, slices] = await Promise.all([
      this.#kube.list<Deployment>(served.path("deployments"), query),
      this.#kube.list<Pod>(served.path("pods"), query),
      this.#kube.list<EndpointSlice>(served.path("endpointslices"), {}),
    ]);
    const podsBy = Map.groupBy(pods.items, ({ metadata }) => metadata.labels?.[LABEL.workload] ?? "");
    const slicesBy = Map.groupBy(slices.items, ({ metadata }) => metadata.labels?.[SERVICE_LABEL] ?? "");
    return deployments.items.flatMap((deployment) => {
      const { name, annotations, deletionTimestamp } = deployment.metadata;
      const id = annotations?.[ANNOTATION.id];
      const stamp = stampOf(deployment);
      if (!id || !stamp || deletionTimestamp) return [];
      return [
        { id, stamp, status: statuses.of(deployment, podsBy.get(name) ?? [], slicesBy.get(name) ?? []) },
      ];
    });
  }

  async load(): Promise<Omit<Load, "builds">> {
    const { cluster } = this.#running;
    const ids = [...cluster.deployments.values()].filter((one) => one.metadata.annotations?.[ANNOTATION.id]);
    return loadOf([...cluster.pods.objects.values()], ids.length, this.#settings.cpu);
  }

  build(job: BuildJob, signal: AbortSignal): Promise<BuildEnd> {
    const { served, bundles, cluster } = this.#running;
    const around = {
      kube: this.#kube,
      served,
      settings: this.#settings,
      bundles,
      seen: (name: string) => ({ job: cluster.jobs.objects.get(name) ?? null, pods: cluster.podsOf(name) }),
      onChange: (name: string, listener: () => void) => cluster.listen(name, listener),
    };
    return runBuild(job, around, signal);
  }

  /** Nothing falls asleep any more; what is handed on finishes first, for as long as it may. */
  async stop(): Promise<void> {
    const { bundles, cluster, correction, holdings, activator, lines, timers } = this.#running;
    for (const timer of timers) clearInterval(timer);
    // The lease is renewed meanwhile, and with it the load is asked for.
    await activator.stop();
    this.#started = null;
    holdings.stop();
    await Promise.all([correction.stop(), cluster.stop(), lines.stop(), bundles.close()]);
    this.#kube.close();
  }

  get #running(): Running {
    if (!this.#started) throw new Error("the driver has not been started");
    return this.#started;
  }
}
