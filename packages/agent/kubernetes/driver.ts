/**
 * Runs workloads and builds in a Kubernetes namespace. What is desired is the agent's to decide; that it is so, and stays
 * so, is this driver's, behind the fence of store.ts. What runs goes on when the agent ends.
 */
import { randomBytes } from "node:crypto";
import { type Load, workloadId } from "@cloudify/protocol";
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
import { runBuild } from "./builds.ts";
import { Bundles, bundleOf } from "./bundle.ts";
import type { Kube } from "./client.ts";
import { Cluster } from "./cluster.ts";
import { Correction } from "./correction.ts";
import { HEALTH_GENERATION, HEALTH_NAME, healthObjects } from "./health.ts";
import { negotiate, type Served } from "./kinds.ts";
import { Lines } from "./lines.ts";
import { loadOf } from "./load.ts";
import { ANNOTATION, LABEL, MANAGED, nameOf, SERVICE_LABEL, stampOf } from "./names.ts";
import { POD } from "./pod-contract.ts";
import type { KubernetesSettings } from "./settings.ts";
import { Statuses } from "./statuses.ts";
import { FencedStore } from "./store.ts";
import type { Deployment, EndpointSlice, Pod } from "./types.ts";
import { objectsOf } from "./workload.ts";

const RESYNC_MS = 600_000;
const KEY_LOOK_MS = 5_000;

/** What there is from `start` to `stop`. */
interface Running {
  served: Served;
  blobs: BlobSource;
  key: () => string | null;
  bundles: Bundles;
  cluster: Cluster;
  correction: Correction;
  statuses: Statuses;
  lines: Lines;
  timers: NodeJS.Timeout[];
}

export class KubernetesDriver implements Driver {
  readonly name = "kubernetes";
  readonly ingress: string | null;
  readonly #kube: Kube;
  readonly #settings: KubernetesSettings;
  /** What was applied last, and under which ingress key. */
  readonly #applied = new Map<string, { wish: Wish; token: string; key: string }>();
  /** The epoch in which the region's own objects were applied last. */
  #healthOf = -1;
  #started: Running | null = null;

  constructor(kube: Kube, settings: KubernetesSettings) {
    this.#kube = kube;
    this.#settings = settings;
    this.ingress = settings.ingress;
  }

  /** @throws When the API server can't be reached or refuses: the agent tries again. */
  async start(key: () => string | null, blobs: BlobSource, events: DriverEvents): Promise<void> {
    const served = await negotiate(this.#kube, this.#settings.namespace);
    const correction = new Correction(new FencedStore(this.#kube, served));
    const lines = new Lines(this.#kube, served, events, () => cluster);
    const statuses = new Statuses(events, () => cluster);
    const cluster: Cluster = new Cluster(this.#kube, served, {
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
      const deployment = this.#applied.get(id)?.wish.material.deployment;
      if (deployment)
        events.onLine({ deployment, function: null, at: Date.now(), level: "warn", text: detail });
    });
    await bundles.listen(this.#settings.bundlePort);
    try {
      await cluster.start();
    } catch (error) {
      await bundles.close();
      throw error;
    }
    const timers = [
      setInterval(() => correction.resync(), RESYNC_MS),
      setInterval(() => void this.#followKey(), KEY_LOOK_MS),
    ];
    this.#started = { served, blobs, key, bundles, cluster, correction, statuses, lines, timers };
  }

  async apply(wish: Wish, signal: AbortSignal): Promise<Applied> {
    return this.#apply(wish, signal).catch(failed);
  }

  async #apply(wish: Wish, signal: AbortSignal): Promise<Applied> {
    const { served, blobs, key: currentKey, bundles, correction } = this.#running;
    const { material } = wish;
    if (wish.id !== workloadId(material.deployment, material.spec.group)) {
      return { ok: false, reason: "invalid", detail: `${wish.id} is not the id of what it is to run` };
    }
    const key = currentKey();
    if (key === null)
      return { ok: false, reason: "failed", detail: "The region's ingress key is not known yet." };
    const before = this.#applied.get(wish.id);
    const token =
      before?.token ?? (await this.#storedToken(wish.id)) ?? randomBytes(32).toString("base64url");
    const health = await this.#applyHealth(wish.stamp.epoch, signal);
    if (!health.ok) return health;
    const objects = objectsOf(wish, { token, ingressKey: key }, this.#settings, served);
    const offer = (one: Wish): void =>
      bundles.offer("bundle", one.id, token, { "GET ": bundleOf(one.material, blobs) });
    // A pod may ask as soon as it is there.
    offer(wish);
    const applied = await correction.put(nameOf(wish.id), objects, wish.stamp, signal).catch(failed);
    if (applied.ok) this.#applied.set(wish.id, { wish, token, key });
    else if (before) offer(before.wish);
    else bundles.withdraw("bundle", wish.id);
    return applied;
  }

  async remove(id: string, stamp: Stamp, signal: AbortSignal): Promise<Applied> {
    const { bundles, correction } = this.#running;
    const removed = await correction.remove(nameOf(id), stamp, signal).catch(failed);
    if (removed.ok) {
      this.#applied.delete(id);
      bundles.withdraw("bundle", id);
    }
    return removed;
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

  async stop(): Promise<void> {
    const { bundles, cluster, correction, lines, timers } = this.#running;
    this.#started = null;
    for (const timer of timers) clearInterval(timer);
    await Promise.all([correction.stop(), cluster.stop(), lines.stop(), bundles.close()]);
    this.#kube.close();
  }

  get #running(): Running {
    if (!this.#started) throw new Error("the driver has not been started");
    return this.#started;
  }

  /** The token outlives the agent in the workload's Secret: another would replace its pods. */
  async #storedToken(id: string): Promise<string | null> {
    const secret = await this.#kube.get(this.#running.served.path("secrets", nameOf(id)));
    const token = secret?.data?.[POD.token];
    return token ? Buffer.from(token, "base64").toString() : null;
  }

  /** The region's own objects come with its first workload in an epoch. */
  async #applyHealth(epoch: number, signal: AbortSignal): Promise<Applied> {
    if (this.#healthOf >= epoch) return { ok: true };
    const { served, correction } = this.#running;
    const objects = healthObjects(epoch, this.#settings, served);
    const stamp = { epoch, generation: HEALTH_GENERATION };
    const applied = await correction.put(HEALTH_NAME, objects, stamp, signal);
    if (applied.ok) this.#healthOf = epoch;
    return applied;
  }

  /** Pods read the region's key from their Secret: a new one reaches them without a restart. */
  async #followKey(): Promise<void> {
    const key = this.#started?.key();
    const stale = [...this.#applied.values()].filter((one) => key && one.key !== key);
    const { signal } = new AbortController();
    for (const { wish } of stale) if (this.#started) await this.apply(wish, signal);
  }
}

/** The server can't be reached, or the call was aborted. */
const failed = (error: Error): Applied => ({ ok: false, reason: "failed", detail: error.message });
