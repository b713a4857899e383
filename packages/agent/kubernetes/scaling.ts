/** How many instances of a workload there are. */
import type { Parts } from "./workload.ts";

/** Processor time of an instance from which on another is added; a function's process uses one core at most. */
const BUSY = "700m";

export const autoscalerOf = ({ settings, name }: Parts): object => ({
  spec: {
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name },
    minReplicas: 1,
    maxReplicas: settings.maxReplicas,
    metrics: [
      { type: "Resource", resource: { name: "cpu", target: { type: "AverageValue", averageValue: BUSY } } },
    ],
  },
});

/**
 * Not `minAvailable: 1`: with one instance, which is the rule, that would never let a node be drained. Of several, one goes
 * at a time.
 */
export const budgetOf = ({ selector }: Parts): object => ({
  spec: { maxUnavailable: 1, selector: { matchLabels: selector } },
});
