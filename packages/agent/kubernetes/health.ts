/** What answers the region's health path: the ingress can route when it reaches this, whatever becomes of the agent. */
import { HEALTH_PATH } from "@cloudify/protocol";
import type { Served } from "./kinds.ts";
import { ANNOTATION, LABEL, MANAGER } from "./names.ts";
import { ingressTo, policyOf, serviceOf } from "./network.ts";
import { POD, POD_ENV } from "./pod-contract.ts";
import { imageOf, podOf } from "./pod-spec.ts";
import type { KubernetesSettings } from "./settings.ts";
import type { Written } from "./store.ts";

/** Raised with each change of what is below: an older agent then leaves the newer alone. */
export const HEALTH_GENERATION = 1;
export const HEALTH_NAME = "cloudify-health";

export function healthObjects(epoch: number, settings: KubernetesSettings, served: Served): Written[] {
  const selector = { [LABEL.component]: "health" };
  const labels = { ...selector, [LABEL.managedBy]: MANAGER };
  const annotations = {
    [ANNOTATION.epoch]: String(epoch),
    [ANNOTATION.generation]: String(HEALTH_GENERATION),
  };
  const metadata = { name: HEALTH_NAME, namespace: settings.namespace, labels, annotations };
  const probe = { httpGet: { path: HEALTH_PATH, port: POD.port, scheme: "HTTP" }, periodSeconds: 2 };
  const deployment = {
    spec: {
      // Two: a node may be lost.
      replicas: 2,
      selector: { matchLabels: selector },
      template: {
        metadata: { labels },
        spec: {
          ...podOf(),
          containers: [
            {
              ...imageOf(settings),
              name: "health",
              command: settings.commands.health,
              env: [
                {
                  name: POD_ENV.host,
                  valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "status.podIP" } },
                },
              ],
              ports: [{ name: "http", containerPort: POD.port, protocol: "TCP" }],
              readinessProbe: probe,
              livenessProbe: { ...probe, periodSeconds: 10 },
              resources: { requests: { cpu: "10m", memory: "48Mi" }, limits: { memory: "128Mi" } },
            },
          ],
        },
      },
    },
  };
  const parts = { settings, selector };
  return [
    {
      plural: "networkpolicies",
      object: { ...served.head("networkpolicies"), metadata, ...policyOf(parts) },
    },
    { plural: "services", object: { ...served.head("services"), metadata, ...serviceOf(parts) } },
    { plural: "deployments", object: { ...served.head("deployments"), metadata, ...deployment } },
    {
      plural: "ingresses",
      object: { ...served.head("ingresses"), metadata, ...ingressTo(settings, HEALTH_NAME, HEALTH_PATH) },
    },
  ];
}
