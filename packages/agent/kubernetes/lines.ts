/** What workloads print, and what the cluster says of them, as lines of their deployments. */
import type { DriverEvents } from "../driver.ts";
import type { Kube } from "./client.ts";
import type { Cluster } from "./cluster.ts";
import { lineOf, ownersOf, timeOf } from "./events.ts";
import type { Served } from "./kinds.ts";
import { LABEL } from "./names.ts";
import { followLog } from "./pod-logs.ts";
import type { KubeEvent, Pod } from "./types.ts";

/** Of a workload's pods: the one that runs it. */
const CONTAINER = "workload";

export class Lines {
  readonly #kube: Kube;
  readonly #served: Served;
  readonly #events: DriverEvents;
  readonly #cluster: () => Cluster;
  /** Pods that are followed, by uid. */
  readonly #followed = new Map<string, Promise<void>>();
  readonly #ending = new AbortController();
  readonly #startedAt = Date.now();

  constructor(kube: Kube, served: Served, events: DriverEvents, cluster: () => Cluster) {
    this.#kube = kube;
    this.#served = served;
    this.#events = events;
    this.#cluster = cluster;
  }

  /** Begins with a pod when it has something to say. */
  look(pod: Pod): void {
    const { name, uid = "", labels } = pod.metadata;
    const deployment = labels?.[LABEL.deployment];
    if (labels?.[LABEL.component] !== "workload" || !deployment || this.#followed.has(uid)) return;
    if (this.#ending.signal.aborted || !hasBegun(pod)) return;
    const following = followLog(this.#kube, {
      pod: this.#served.path("pods", name),
      container: CONTAINER,
      // What was printed before this agent's start was another's to tell.
      since:
        Date.parse(pod.status?.startTime ?? "") < this.#startedAt
          ? new Date(this.#startedAt).toISOString()
          : null,
      signal: this.#ending.signal,
      goesOn: () => this.#cluster().pods.objects.get(name)?.metadata.uid === uid,
      onLine: (line, at) => this.#events.onLine({ ...line, deployment, at }),
    });
    this.#followed.set(
      uid,
      following.finally(() => this.#followed.delete(uid)),
    );
  }

  /** An event of the cluster, if it is of one of our workloads. */
  tell(event: KubeEvent): void {
    const at = timeOf(event);
    if (at < this.#startedAt - 1_000) return;
    for (const name of ownersOf(event.involvedObject.name)) {
      const deployment = this.#cluster().deployments.get(name)?.metadata.labels?.[LABEL.deployment];
      if (deployment) {
        this.#events.onLine({ ...lineOf(event), deployment, at });
        return;
      }
    }
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#followed.values());
  }
}

const hasBegun = ({ status }: Pod): boolean =>
  status?.containerStatuses?.some(
    ({ name, state, restartCount }) =>
      name === CONTAINER && (state?.running || state?.terminated || restartCount > 0),
  ) ?? false;
