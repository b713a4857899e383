/** How a workload is reached, and by whom; and what it may reach. */
import { AGENT_SERVICE, WORKLOAD_PREFIX } from "@cloudify/protocol";
import { LABEL } from "./names.ts";
import { POD } from "./pod-contract.ts";
import type { KubernetesSettings } from "./settings.ts";
import type { Parts } from "./workload.ts";

/** Private, shared, link-local (where clouds keep their metadata) and otherwise special: no workload's business. */
const NOT_PUBLIC = {
  "0.0.0.0/0": [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
  ],
  "::/0": ["::1/128", "64:ff9b::/96", "fc00::/7", "fe80::/10", "ff00::/8"],
} as const;

const namespaceNamed = (name: string): object => ({
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } },
});
const agentItself = { podSelector: { matchLabels: { [LABEL.component]: "agent" } } };

export const serviceOf = ({ selector }: Pick<Parts, "selector">): object => ({
  spec: {
    type: "ClusterIP",
    selector,
    // Always with its protocol: older servers can't merge a port without.
    ports: [{ name: "http", port: 80, targetPort: "http", protocol: "TCP" }],
  },
});

/** Who is at its end, the pod's runtime or the agent, asks for the region's key; the pod takes the prefix off. */
export function ingressOf({ wish, rest, settings, name }: Parts): object {
  const { deployment, spec } = wish.material;
  const path = `${WORKLOAD_PREFIX}${encodeURIComponent(deployment)}/${encodeURIComponent(spec.group)}/`;
  return rest === "awake"
    ? ingressTo(settings, name, path)
    : ingressTo(settings, AGENT_SERVICE.name, path, AGENT_SERVICE.activator);
}

export const ingressTo = (
  settings: KubernetesSettings,
  service: string,
  path: string,
  port = "http",
): object => ({
  spec: {
    ingressClassName: settings.ingressClass,
    rules: [
      {
        http: {
          paths: [
            { path, pathType: "Prefix", backend: { service: { name: service, port: { name: port } } } },
          ],
        },
      },
    ],
  },
});

/** The kubelet's probes pass any policy; the agent asks for how long nobody has asked. */
export const workloadPolicyOf = (parts: Parts): object =>
  policyOf(parts, [{ from: [agentItself], ports: [{ port: POD.probePort, protocol: "TCP" }] }]);

export const policyOf = (
  { settings, selector }: Pick<Parts, "settings" | "selector">,
  also: readonly object[] = [],
): object => ({
  spec: {
    podSelector: { matchLabels: selector },
    policyTypes: ["Ingress", "Egress"],
    ingress: [
      {
        from: [namespaceNamed(settings.ingressNamespace), agentItself],
        ports: [{ port: POD.port, protocol: "TCP" }],
      },
      ...also,
    ],
    egress: egressOf(settings),
  },
});

/** The public internet, names, the agent's bundles, and what the operator adds. */
export const egressOf = (settings: KubernetesSettings): object[] => [
  { to: Object.entries(NOT_PUBLIC).map(([cidr, except]) => ({ ipBlock: { cidr, except } })) },
  {
    to: [{ ...namespaceNamed("kube-system"), podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }],
    ports: [
      { port: 53, protocol: "UDP" },
      { port: 53, protocol: "TCP" },
    ],
  },
  { to: [agentItself], ports: [{ port: settings.bundlePort, protocol: "TCP" }] },
  ...settings.reachable.map((cidr) => ({ to: [{ ipBlock: { cidr } }] })),
];
