/** What a pod finds where, and where it answers: agreed between what we apply and what runs in it. */

export const POD = {
  /** Listens for the ingress. */
  port: 8080,
  /** Listens for probes: `/live` and `/ready`; and for the agent. */
  probePort: 8081,
  /** Answers the agent, as decimal digits: milliseconds for which nobody has asked; 0 while somebody waits. */
  idlePath: "/idle",
  /** Folder that the init step fills: blobs by their digest, and {@link POD.spec}. */
  files: "/cloudify/files",
  spec: "spec.json",
  /** The Secret: {@link POD.material}, {@link POD.ingressKey}, {@link POD.token}. */
  secret: "/cloudify/secret",
  /** Environment and identity: a WorkloadMaterial whose spec has no files. */
  material: "material.json",
  ingressKey: "ingress-key",
  token: "token",
  /** For the layout of a workload's files, or a build's folders. */
  work: "/cloudify/work",
  uid: 1000,
  /** Where Kubernetes looks for what a container says of its end. */
  termination: "/dev/termination-log",
} as const;

/** Variables of our programs in pods. The project's own never become theirs: `NODE_OPTIONS` would be obeyed. */
export const POD_ENV = {
  bundle: "CLOUDIFY_POD_BUNDLE",
  files: "CLOUDIFY_POD_FILES",
  secret: "CLOUDIFY_POD_SECRET",
  work: "CLOUDIFY_POD_WORK",
  region: "CLOUDIFY_POD_REGION",
  /** Address to listen at: the pod's. */
  host: "CLOUDIFY_POD_HOST",
  /** File for a {@link PodEnd}. */
  termination: "CLOUDIFY_POD_TERMINATION",
  /** Bytes that a build may hold. */
  memory: "CLOUDIFY_POD_MEMORY",
} as const;

/** A line of a workload or build on a pod's standard output: JSON. */
export interface PodLine {
  function: string | null;
  level: "debug" | "info" | "warn" | "error";
  text: string;
}

/** Why a pod's program has ended, for the workload's status: JSON. */
export interface PodEnd {
  reason: string;
  detail: string;
}
