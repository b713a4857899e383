import { AGENT_SERVICE } from "@cloudify/protocol";
import { expect, test } from "vitest";
import { manifestOf } from "./region-manifest.ts";

interface Object_ {
  kind: string;
  metadata: { name: string; namespace?: string };
  rules?: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

const text = JSON.stringify(
  manifestOf({ name: "fra", api: "https://api.example", token: "cfyr_secret", image: "i", ingress: null }),
);
const items = (JSON.parse(text) as { items: Object_[] }).items;
const one = (kind: string) => items.find((item) => item.kind === kind);

test("an agent is put into a namespace of its own, and nothing beside it", () => {
  expect(items.map(({ kind }) => kind)).toEqual([
    "Namespace",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "Secret",
    "PersistentVolumeClaim",
    "Service",
    "Deployment",
  ]);
  expect(one("Namespace")?.metadata.name).toBe("cloudify-fra");
  for (const { kind, metadata } of items)
    if (kind !== "Namespace") expect(metadata.namespace).toBe("cloudify-fra");
});

test("it may do no more than it uses: no wildcard, no exec, no rights of its own to give", () => {
  const rules = one("Role")?.rules ?? [];
  for (const { apiGroups, resources, verbs } of rules)
    expect([...apiGroups, ...resources, ...verbs]).not.toContain("*");
  const all = rules.flatMap(({ resources }) => resources);
  for (const forbidden of ["pods/exec", "roles", "rolebindings", "serviceaccounts", "nodes", "namespaces"])
    expect(all).not.toContain(forbidden);
  const ofPods = rules.find(({ resources }) => resources.includes("pods"));
  // A canceled build is to be over at once; what makes pods is a Deployment or a Job.
  expect(ofPods?.verbs).toEqual(["get", "list", "watch", "delete"]);
});

test("what the agent may keep fits its volume, with room for a build and its lines", () => {
  interface Container {
    env: { name: string; value: string }[];
  }
  const about = items as {
    kind: string;
    spec?: {
      resources?: { requests: { storage: string } };
      template?: { spec: { containers: Container[] } };
    };
  }[];
  const of = (kind: string) => about.find((item) => item.kind === kind)?.spec;
  const size = /^(\d+)Gi$/.exec(of("PersistentVolumeClaim")?.resources?.requests.storage ?? "")?.[1];
  const env = of("Deployment")?.template?.spec.containers[0]?.env ?? [];
  const mib = (name: string) => Number(env.find((one) => one.name === name)?.value);
  const kept = mib("CLOUDIFY_AGENT_CACHE") + mib("CLOUDIFY_AGENT_BUILD_CACHE");
  expect(kept).toBeGreaterThan(0);
  expect(kept).toBeLessThanOrEqual(Number(size) * 1_024 * 0.75);
});

test("the Ingress of a sleeping workload finds the agent where the agent listens", () => {
  const { spec } = one("Service") as unknown as { spec: { ports: Record<string, unknown>[] } };
  const port = spec.ports.find(({ name }) => name === AGENT_SERVICE.activator);
  expect(one("Service")?.metadata.name).toBe(AGENT_SERVICE.name);
  const { spec: of } = one("Deployment") as unknown as {
    spec: {
      template: {
        spec: { containers: { ports: { name: string; containerPort: number }[]; env: object[] }[] };
      };
    };
  };
  const container = of.template.spec.containers[0];
  const listens = container?.ports.find(({ name }) => name === port?.targetPort)?.containerPort;
  expect(listens).toBe(port?.port);
  expect(container?.env).toContainEqual({ name: "CLOUDIFY_ACTIVATOR_PORT", value: String(listens) });
});

test("the token stands in the Secret alone", () => {
  expect(text.split("cfyr_secret")).toHaveLength(2);
  expect(JSON.stringify(one("Secret"))).toContain("cfyr_secret");
});
