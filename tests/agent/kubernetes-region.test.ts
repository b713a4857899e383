/** A region on a real API server: what is there, who may touch it, and what becomes of it when others do. */
import type { WorkloadStatus } from "@cloudify/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Any, Api } from "#scripts/kube/api.ts";
import { TestCluster, TestRegion } from "#tests/support/kube.ts";
import type { Stamp, Wish } from "../../packages/agent/driver.ts";
import { nameOf } from "../../packages/agent/kubernetes/names.ts";
import { wishFor } from "./conformance.ts";

const WAIT = { timeout: 40_000, interval: 50 };
const NAMESPACE = "fra";
const CORE = `/api/v1/namespaces/${NAMESPACE}`;
const never = new AbortController().signal;

let cluster: TestCluster;
let region: TestRegion;
let admin: Api;
beforeAll(async () => {
  cluster = await TestCluster.start();
  region = await TestRegion.start(cluster, NAMESPACE);
  admin = cluster.admin;
});
afterAll(async () => {
  await region?.stop();
  await cluster?.stop();
});

const ready = (deployment: string, generation: number, of = region) =>
  expect.poll(() => of.said(deployment), WAIT).toMatchObject({ ready: "true", generation });
async function applied(
  deployment: string,
  generation: number,
  change: (wish: Wish) => Wish = (one) => one,
): Promise<string> {
  const wish = change(wishFor(region, deployment, { epoch: 1, generation }, deployment));
  expect(await region.driver.apply(wish, never)).toEqual({ ok: true });
  await ready(deployment, generation);
  return nameOf(wish.id);
}
const kubectl = (...words: string[]): string => cluster.plane.kubectl("-n", NAMESPACE, ...words);
const found = (kind: string, name: string): Any => JSON.parse(kubectl("get", kind, name, "-o", "json"));
const remove = (deployment: string, stamp: Stamp) => region.driver.remove(`${deployment}.node`, stamp, never);

const KINDS = [
  "deployment",
  "service",
  "ingress",
  "secret",
  "networkpolicy",
  "horizontalpodautoscaler",
  "poddisruptionbudget",
];

test("kubectl shows what a workload is made of, with whose it is and its stamp", async () => {
  const name = await applied("dpl_shown", 1);
  for (const kind of KINDS) {
    const { metadata } = found(kind, name);
    expect(metadata.labels, kind).toMatchObject({
      "app.kubernetes.io/managed-by": "cloudify-agent",
      "cloudify.dev/deployment": "dpl_shown",
      "cloudify.dev/project": "prj_1",
      "cloudify.dev/team": "team_1",
      "cloudify.dev/workload": name,
    });
    expect(metadata.annotations, kind).toMatchObject({
      "cloudify.dev/epoch": "1",
      "cloudify.dev/generation": "1",
      "cloudify.dev/workload-id": "dpl_shown.node",
    });
    const managers = metadata.managedFields.filter((one: Any) => one.manager === "cloudify-agent");
    expect(
      managers.map((one: Any) => one.operation),
      kind,
    ).toEqual(["Apply"]);
  }
  expect(kubectl("get", "pods", "-l", "cloudify.dev/deployment=dpl_shown")).toMatch(/1\/1\s+Running/);
});

test("pods run confined, without a token of the cluster, and with the memory that the function has", async () => {
  const { spec } = found("deployment", await applied("dpl_confined", 2));
  const { spec: pod } = spec.template;
  expect(pod).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
  expect(pod.securityContext).toMatchObject({
    runAsNonRoot: true,
    seccompProfile: { type: "RuntimeDefault" },
  });
  for (const one of [...pod.initContainers, ...pod.containers]) {
    expect(one.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(one.resources.limits.memory).toBeTruthy();
  }
  expect(pod.containers[0].resources.limits.memory).toBe("224Mi");
  // Set by the autoscaler from here on, so not ours.
  const ours = found("deployment", nameOf("dpl_confined.node")).metadata.managedFields;
  const fields = ours.find((one: Any) => one.manager === "cloudify-agent").fieldsV1;
  expect(fields["f:spec"]).not.toHaveProperty("f:replicas");
});

test("only the ingress controller and the agent may call a workload; it may not call what is private", async () => {
  const { spec } = found("networkpolicy", await applied("dpl_walled", 3));
  expect(spec.policyTypes).toEqual(["Ingress", "Egress"]);
  expect(spec.ingress).toEqual([
    {
      from: [
        { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } } },
        { podSelector: { matchLabels: { "cloudify.dev/component": "agent" } } },
      ],
      ports: [{ port: 8080, protocol: "TCP" }],
    },
    // For how long nobody has asked it.
    {
      from: [{ podSelector: { matchLabels: { "cloudify.dev/component": "agent" } } }],
      ports: [{ port: 8081, protocol: "TCP" }],
    },
  ]);
  const [{ to }] = spec.egress;
  expect(to[0].ipBlock.cidr).toBe("0.0.0.0/0");
  expect(to[0].ipBlock.except).toEqual(expect.arrayContaining(["10.0.0.0/8", "169.254.0.0/16"]));
});

test("without the region's key a workload answers nothing; a new key reaches it without a restart", async () => {
  await applied("dpl_key", 4);
  expect((await region.ask("dpl_key", "/")).status).toBe(200);
  expect((await region.ask("dpl_key", "/", "another")).status).toBe(404);
  const before = region.key;
  region.key = "the next key of this region";
  await expect.poll(async () => (await region.ask("dpl_key", "/")).status, WAIT).toBe(200);
  // Routers and other pods learn of it later.
  expect((await region.ask("dpl_key", "/", before)).status).toBe(200);
  expect(region.said("dpl_key")?.restarts).toBe(0);
});

test.each([
  ["networkpolicy", "networkpolicies", "networking.k8s.io/v1", { spec: { ingress: [{}] } }],
  ["service", "services", "v1", { spec: { selector: { app: "mine" } } }],
  ["ingress", "ingresses", "networking.k8s.io/v1", { spec: { ingressClassName: "other" } }],
  ["secret", "secrets", "v1", { data: { "ingress-key": "AAAA" } }],
  ["deployment", "deployments", "apps/v1", { spec: { progressDeadlineSeconds: 7 } }],
  [
    "horizontalpodautoscaler",
    "horizontalpodautoscalers",
    "autoscaling/v2beta2",
    { spec: { maxReplicas: 9 } },
  ],
])("a manual edit of a %s is corrected, and so is its deletion", async (kind, plural, version, edit) => {
  const name = await applied("dpl_edited", 5);
  const path = `${version === "v1" ? "/api/v1" : `/apis/${version}`}/namespaces/${NAMESPACE}/${plural}/${name}`;
  const { spec, data } = found(kind, name);
  const edited = await admin.send("PATCH", path, edit, "merge-patch+json");
  expect(edited.code).toBe(200);
  expect({ spec: edited.body.spec, data: edited.body.data }).not.toEqual({ spec, data });
  await expect
    .poll(async () => (await cluster.get(path)) ?? {}, WAIT)
    .toMatchObject({ ...(spec && { spec }), ...(data && { data }) });
  const { uid } = found(kind, name).metadata;
  await admin.send("DELETE", path);
  await expect.poll(async () => (await cluster.get(path))?.metadata.uid ?? uid, WAIT).not.toBe(uid);
});

test("what others add to an object beside what is ours stays", async () => {
  const name = await applied("dpl_beside", 6);
  kubectl("annotate", "deployment", name, "team.example/note=hands off");
  kubectl("scale", "deployment", name, "--replicas=2");
  expect(
    await region.driver.apply(wishFor(region, "dpl_beside", { epoch: 1, generation: 7 }, "next"), never),
  ).toEqual({ ok: true });
  const { metadata, spec } = found("deployment", name);
  expect(metadata.annotations["team.example/note"]).toBe("hands off");
  expect(spec.replicas).toBe(2);
});

test("a tombstone removes a workload's objects and pods, and touches nothing else", async () => {
  const name = await applied("dpl_gone", 8);
  kubectl("create", "configmap", "mine", "--from-literal=a=b");
  kubectl("create", "service", "clusterip", "mine", "--tcp=80:80");
  expect(await remove("dpl_gone", { epoch: 1, generation: 9 })).toEqual({ ok: true });
  const left = (): string =>
    kubectl(
      "get",
      [...KINDS, "pods", "replicasets"].join(","),
      "-l",
      `cloudify.dev/workload=${name}`,
      "-o",
      "name",
    );
  await expect.poll(left, WAIT).toBe("");
  expect(kubectl("get", "configmap/mine", "service/mine", "-o", "name").split("\n")).toHaveLength(3);
  expect(found("deployment", nameOf("dpl_shown.node")).metadata.name).toBeTruthy();
});

test("what bears the agent's label is not deleted for being unknown; what bears its name is not taken over", async () => {
  const labels = { "app.kubernetes.io/managed-by": "cloudify-agent" };
  const name = nameOf("dpl_foreign.node");
  await admin.send("POST", `${CORE}/services`, {
    metadata: { name: "unknown", labels },
    spec: { ports: [{ port: 80 }] },
  });
  await admin.send("POST", `${CORE}/services`, { metadata: { name }, spec: { ports: [{ port: 81 }] } });
  const refused = await region.driver.apply(
    wishFor(region, "dpl_foreign", { epoch: 1, generation: 10 }, "x"),
    never,
  );
  expect(refused).toMatchObject({ ok: false, reason: "invalid", detail: expect.stringContaining(name) });
  expect(found("service", name).spec.ports[0].port).toBe(81);
  await region.restart();
  expect(await remove("dpl_foreign", { epoch: 1, generation: 11 })).toMatchObject({
    ok: false,
    reason: "invalid",
  });
  expect(kubectl("get", "service/unknown", `service/${name}`, "-o", "name").split("\n")).toHaveLength(3);
});

test("the agent has the rights of its manifest and no others", async () => {
  const can = (verb: string, what: string, namespace = NAMESPACE): string => {
    const user = `--as=system:serviceaccount:${NAMESPACE}:cloudify-agent`;
    try {
      return cluster.plane.kubectl("-n", namespace, "auth", "can-i", verb, what, user).trim();
    } catch (error) {
      return String((error as { stdout?: string }).stdout).trim();
    }
  };
  expect(can("create", "deployments.apps")).toBe("yes");
  expect(can("get", "secrets", "kube-system")).toBe("no");
  expect(can("get", "secrets", "default")).toBe("no");
  expect(can("list", "nodes")).toBe("no");
  expect(can("create", "pods")).toBe("no");
  expect(can("create", "pods/exec")).toBe("no");
  expect(can("create", "rolebindings.rbac.authorization.k8s.io")).toBe("no");
  expect(can("create", "serviceaccounts/token")).toBe("no");
  expect(can("delete", "namespaces")).toBe("no");
});

test("a secret lies in the workload's Secret and in no other object, line or status", async () => {
  const canary = "canary-dpl_canary";
  await applied("dpl_canary", 12);
  await (await region.ask("dpl_canary", "/secret")).text();
  await expect.poll(() => region.lines.map(({ text }) => text).join("\n"), WAIT).toContain("the secret is");
  const kinds = kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").trim().split("\n");
  const all = JSON.parse(kubectl("get", kinds.join(","), "-o", "json")).items as Any[];
  const holding = all.filter((one) => {
    const text = JSON.stringify(one);
    const data = Object.values<string>(one.data ?? {}).map((value) =>
      Buffer.from(value, "base64").toString(),
    );
    return text.includes(canary) || data.some((value) => value.includes(canary));
  });
  expect(holding.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
    `Secret ${nameOf("dpl_canary.node")}`,
  ]);
  expect(JSON.stringify([region.lines, region.statuses])).not.toContain(canary);
});

test("what keeps a workload from running is said by its reason, and told in its log", async () => {
  const without = await TestRegion.start(cluster, "without", { image: "cloudify/missing:1" });
  const wish = wishFor(without, "dpl_image", { epoch: 1, generation: 1 }, "x");
  expect(await without.driver.apply(wish, never)).toEqual({ ok: true });
  await expect.poll(() => without.said("dpl_image")?.reason, WAIT).toBe("ImagePull");
  expect(without.said("dpl_image")).toMatchObject<Partial<WorkloadStatus>>({ ready: "false", generation: 1 });
  const told = () =>
    without.lines.filter(({ level, deployment }) => level === "error" && deployment === "dpl_image");
  await expect.poll(told, WAIT).not.toEqual([]);
  expect(told()[0]?.text).toContain("cloudify/missing:1");
  await without.stop();

  const large = wishFor(region, "dpl_large", { epoch: 1, generation: 13 }, "x");
  const spec = { ...large.material.spec, memory: 100_000 };
  expect(await region.driver.apply({ ...large, material: { ...large.material, spec } }, never)).toEqual({
    ok: true,
  });
  await expect.poll(() => region.said("dpl_large")?.reason, WAIT).toBe("Unschedulable");
  expect(region.said("dpl_large")?.detail).toContain("memory");
});

test("watches survive an outage of the API server, in which nothing is said to be ready and all goes on", async () => {
  const name = await applied("dpl_outage", 14);
  const host = cluster.kubelet.hostOf(found("pod", podOf(name)).status.podIP);
  await cluster.plane.stopServer();
  await expect
    .poll(() => region.said("dpl_outage"), WAIT)
    .toMatchObject({ ready: "unknown", reason: "ClusterUnreachable" });
  const url = `http://${host}:8080/_cloudify/w/dpl_outage/node/`;
  expect((await fetch(url, { headers: { "x-cloudify-ingress-key": region.key } })).status).toBe(200);
  const late = await region.driver.apply(
    wishFor(region, "dpl_outage", { epoch: 1, generation: 15 }, "x"),
    never,
  );
  expect(late).toMatchObject({ ok: false, reason: "failed" });
  await cluster.plane.startServer();
  await ready("dpl_outage", 14);
  // Edited right after the start: what no watch saw is found by the list.
  kubectl("delete", "service", name);
  await expect.poll(() => kubectl("get", "services", "-o", "name"), WAIT).toContain(name);
});

const podOf = (name: string): string =>
  kubectl("get", "pods", "-l", `cloudify.dev/workload=${name}`, "-o", "jsonpath={.items[0].metadata.name}");
