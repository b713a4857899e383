/** Which kinds of objects there are, and in which version this API server serves them. */
import type { Kube } from "./client.ts";

interface Kind {
  kind: string;
  group: string;
  /** Newest first; of one kind the first that is served is taken. */
  versions: readonly [string, ...string[]];
}

export const KINDS = {
  secrets: { kind: "Secret", group: "", versions: ["v1"] },
  services: { kind: "Service", group: "", versions: ["v1"] },
  pods: { kind: "Pod", group: "", versions: ["v1"] },
  events: { kind: "Event", group: "", versions: ["v1"] },
  deployments: { kind: "Deployment", group: "apps", versions: ["v1"] },
  endpointslices: { kind: "EndpointSlice", group: "discovery.k8s.io", versions: ["v1", "v1beta1"] },
  ingresses: { kind: "Ingress", group: "networking.k8s.io", versions: ["v1"] },
  networkpolicies: { kind: "NetworkPolicy", group: "networking.k8s.io", versions: ["v1"] },
  horizontalpodautoscalers: {
    kind: "HorizontalPodAutoscaler",
    group: "autoscaling",
    versions: ["v2", "v2beta2"],
  },
  poddisruptionbudgets: { kind: "PodDisruptionBudget", group: "policy", versions: ["v1", "v1beta1"] },
  jobs: { kind: "Job", group: "batch", versions: ["v1"] },
  leases: { kind: "Lease", group: "coordination.k8s.io", versions: ["v1"] },
} as const satisfies Record<string, Kind>;

export type Plural = keyof typeof KINDS;

/** Kinds in the versions that are served, in one namespace. */
export class Served {
  readonly namespace: string;
  readonly #versions: ReadonlyMap<Plural, string>;

  constructor(namespace: string, versions: ReadonlyMap<Plural, string>) {
    this.namespace = namespace;
    this.#versions = versions;
  }

  has(plural: Plural): boolean {
    return this.#versions.has(plural);
  }

  /** `apiVersion` and `kind` of an object. */
  head(plural: Plural): { apiVersion: string; kind: string } {
    const { group, kind } = KINDS[plural];
    const version = this.#version(plural);
    return { apiVersion: group ? `${group}/${version}` : version, kind };
  }

  path(plural: Plural, name?: string): string {
    const { group } = KINDS[plural];
    const version = this.#version(plural);
    const root = group ? `/apis/${group}/${version}` : `/api/${version}`;
    const all = `${root}/namespaces/${this.namespace}/${plural}`;
    return name === undefined ? all : `${all}/${name}`;
  }

  #version(plural: Plural): string {
    const version = this.#versions.get(plural);
    if (!version) throw new Error(`this API server serves no ${plural}`);
    return version;
  }
}

/** @throws When the server can't be reached. What it serves in no version that we know is left out. */
export async function negotiate(kube: Kube, namespace: string): Promise<Served> {
  const versions = new Map<Plural, string>();
  for (const [plural, kind] of Object.entries(KINDS) as [Plural, Kind][]) {
    const version = kind.versions.length === 1 ? kind.versions[0] : await firstServed(kube, plural, kind);
    if (version) versions.set(plural, version);
  }
  return new Served(namespace, versions);
}

async function firstServed(kube: Kube, plural: Plural, kind: Kind): Promise<string | null> {
  for (const version of kind.versions) {
    const path = `/apis/${kind.group}/${version}`;
    const known = await kube.get<{ resources: { name: string }[] }>(path);
    if (known?.resources.some(({ name }) => name === plural)) return version;
  }
  return null;
}
