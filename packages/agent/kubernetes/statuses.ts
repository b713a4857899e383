/** What was last said of each workload: a change is said once. */
import type { WorkloadStatus } from "@cloudify/protocol";
import type { DriverEvents } from "../driver.ts";
import type { Cluster } from "./cluster.ts";
import { statusOf } from "./status.ts";
import type { Deployment, EndpointSlice, Pod } from "./types.ts";

export class Statuses {
  readonly #events: DriverEvents;
  readonly #cluster: () => Cluster;
  readonly #said = new Map<string, WorkloadStatus>();

  constructor(events: DriverEvents, cluster: () => Cluster) {
    this.#events = events;
    this.#cluster = cluster;
  }

  /** @param name Of the workload's objects. */
  look(name: string): void {
    const deployment = this.#cluster().deployments.get(name);
    if (!deployment?.metadata.annotations || deployment.metadata.deletionTimestamp) {
      this.#said.delete(name);
      return;
    }
    const status = this.of(deployment, this.#cluster().podsOf(name), this.#cluster().slicesOf(name));
    if (status.id === "" || JSON.stringify(status) === JSON.stringify(this.#said.get(name))) return;
    this.#said.set(name, status);
    this.#events.onStatus(status);
  }

  lookAtAll(): void {
    for (const name of this.#cluster().deployments.keys()) this.look(name);
  }

  of(deployment: Deployment, pods: readonly Pod[], slices: readonly EndpointSlice[]): WorkloadStatus {
    const said = this.#said.get(deployment.metadata.name);
    const seen = statusOf(deployment, pods, slices);
    const status = this.#cluster().isReached ? seen : { ...seen, ...LOST };
    const isSame =
      said &&
      ["generation", "ready", "reason"].every((key) => said[key as "ready"] === status[key as "ready"]);
    return { ...status, since: isSame ? said.since : Date.now() };
  }
}

/** Silence is never Ready. */
const LOST = {
  ready: "unknown",
  reason: "ClusterUnreachable",
  detail: "The cluster's API server does not answer; what runs goes on.",
} as const;
