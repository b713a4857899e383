import { buildMemoryMib } from "../config.ts";
import type { RestTimes } from "./rest.ts";

/** What a region on Kubernetes is told by its manifest (`cloudify regions add`), as environment of the agent. */

export interface KubernetesSettings {
  region: string;
  namespace: string;
  /** The agent's own image: it holds the runtime, and what pods need to fetch their files. */
  image: string;
  /** Origin of the agent's Service, at which pods fetch their files. */
  bundles: string;
  /** Port of this process that the Service leads to. */
  bundlePort: number;
  /**
   * Port of this process at which it answers for workloads without a pod; `null`: the manifest gave it none, so every
   * workload keeps one.
   */
  activatorPort: number | null;
  rest: RestTimes;
  /** Origin at which the cluster's ingress answers the edge; `null` while there is none. */
  ingress: string | null;
  ingressClass: string;
  /** Where the ingress controller's pods run: they alone may call workloads. */
  ingressNamespace: string;
  /** Most instances of one workload. */
  maxReplicas: number;
  /** Cores of the region, as its operator counts them: the agent has no right to look at nodes. */
  cpu: number;
  /** What a build may hold, in MiB; its pod gets a little more. */
  buildMemoryMib: number;
  /** Private ranges that workloads may reach nevertheless, a database's, say. */
  reachable: readonly string[];
  commands: PodCommands;
}

/** What runs in the containers. */
export interface PodCommands {
  /** Fetches a bundle into a folder, and ends. */
  files: readonly string[];
  /** Serves a workload. */
  serve: readonly string[];
  /** Answers the region's health path. */
  health: readonly string[];
  /** Runs one build, and ends. */
  build: readonly string[];
}

const program = ["node", "/app/pod.mjs"];

const COMMANDS: PodCommands = {
  files: [...program, "files"],
  serve: [...program, "serve"],
  health: [...program, "health"],
  build: [...program, "build"],
};

/** K3s calls its ingress class so, and runs it there. */
const TRAEFIK = { class: "traefik", namespace: "kube-system" };

/** Routers follow within seconds: Traefik takes changes together for two. */
const REST = { askMs: 15_000, followMs: 15_000, tickMs: 5_000 } as const;
const MINUTE_MS = 60_000;
/** This machine's memory says nothing of the nodes that builds run on. */
const BUILD_MEMORY_MIB = 4_096;

/** @throws With the variable's name when one is missing or no such thing. */
export function settingsFrom(env: Record<string, string | undefined>, region: string): KubernetesSettings {
  const need = (name: string): string => {
    const value = env[name];
    if (!value)
      throw new Error(`${name} is not set: apply the manifest that \`cloudify regions add\` prints`);
    return value;
  };
  const count = (name: string, otherwise: number): number => {
    const value = Number(env[name] ?? otherwise);
    if (!Number.isFinite(value) || value <= 0) throw new Error(`${name} must be a number above 0`);
    return value;
  };
  const idleMinutes = env.CLOUDIFY_IDLE_MINUTES === "0" ? null : count("CLOUDIFY_IDLE_MINUTES", 30);
  const bundlePort = count("CLOUDIFY_BUNDLE_PORT", 8790);
  return {
    region,
    namespace: need("CLOUDIFY_NAMESPACE"),
    image: need("CLOUDIFY_IMAGE"),
    bundles: env.CLOUDIFY_BUNDLES ?? `http://cloudify-agent:${bundlePort}`,
    bundlePort,
    activatorPort: env.CLOUDIFY_ACTIVATOR_PORT ? count("CLOUDIFY_ACTIVATOR_PORT", 0) : null,
    rest: { ...REST, idleMs: idleMinutes === null ? Number.POSITIVE_INFINITY : idleMinutes * MINUTE_MS },
    ingress: env.CLOUDIFY_INGRESS_ORIGIN || null,
    ingressClass: env.CLOUDIFY_INGRESS_CLASS ?? TRAEFIK.class,
    ingressNamespace: env.CLOUDIFY_INGRESS_NAMESPACE ?? TRAEFIK.namespace,
    maxReplicas: count("CLOUDIFY_MAX_REPLICAS", 10),
    cpu: count("CLOUDIFY_CPU", 4),
    buildMemoryMib: buildMemoryMib(env, BUILD_MEMORY_MIB),
    reachable: (env.CLOUDIFY_REACHABLE ?? "").split(",").filter(Boolean),
    commands: COMMANDS,
  };
}
