/** What an agent on Kubernetes may do, in its own namespace only: the manifest grants these rules, and tests run with them. */

export interface Rule {
  apiGroups: readonly string[];
  resources: readonly string[];
  verbs: readonly string[];
}

const OWN = ["get", "list", "watch", "create", "patch", "delete"] as const;

export const AGENT_RULES: readonly Rule[] = [
  { apiGroups: [""], resources: ["secrets", "services"], verbs: OWN },
  { apiGroups: ["apps"], resources: ["deployments"], verbs: OWN },
  { apiGroups: ["networking.k8s.io"], resources: ["ingresses", "networkpolicies"], verbs: OWN },
  { apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"], verbs: OWN },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: OWN },
  { apiGroups: ["batch"], resources: ["jobs"], verbs: OWN },
  // Those that Deployments and Jobs have made.
  { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch", "delete"] },
  // Whether the way to a pod is known to whoever routes.
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
  { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] },
  { apiGroups: [""], resources: ["events"], verbs: ["list", "watch"] },
  // The fence: the highest epoch that ever wrote here.
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"] },
];
