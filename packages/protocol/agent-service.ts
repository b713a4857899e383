/** The agent's own Service in its namespace: made by the manifest, and where the Ingress of a sleeping workload leads. */
export const AGENT_SERVICE = {
  name: "cloudify-agent",
  /** Name of the port at which the agent answers for workloads that have no pod. */
  activator: "activator",
} as const;
