/** Workloads that nobody asks, on a real API server: they have no pod, and lose no request for that. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_SERVICE, INGRESS_FAULT_HEADER, INGRESS_HEADER, WORKLOAD_PREFIX } from "@cloudify/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Any } from "#scripts/kube/api.ts";
import { TestCluster, TestRegion } from "#tests/support/kube.ts";
import { freePort } from "#tests/support/platform.ts";
import type { Wish } from "../../packages/agent/driver.ts";
import { nameOf } from "../../packages/agent/kubernetes/names.ts";
import { wishFor } from "./conformance.ts";

const WAIT = { timeout: 40_000, interval: 50 };
const NAMESPACE = "sleep";
const never = new AbortController().signal;

let cluster: TestCluster;
let region: TestRegion;
beforeAll(async () => {
  cluster = await TestCluster.start();
  region = await TestRegion.start(cluster, NAMESPACE);
});
afterAll(async () => {
  await region?.stop();
  await cluster?.stop();
});

const program = (text: string, broken = "/nowhere"): string => `import { existsSync } from "node:fs";
import { createServer } from "node:http";
if (existsSync(${JSON.stringify(broken)})) throw new Error("no database");
console.log("begins");
let finish = () => undefined;
createServer(async (req, res) => {
  if (req.url === "/stream") { res.write("first "); finish = () => res.end("second"); return; }
  if (req.url === "/finish") finish();
  let body = "";
  for await (const chunk of req) body += chunk;
  res.end(JSON.stringify({ text: ${JSON.stringify(text)}, pid: process.pid, url: req.url, body }));
}).on("upgrade", (req, socket) => {
  socket.write("HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n");
  socket.on("data", (bytes) => socket.write("echo " + bytes));
}).listen(process.env.PORT);`;

let generation = 0;
function wishOf(deployment: string, source = program(deployment), epoch = 1): Wish {
  generation += 1;
  const wish = wishFor(region, deployment, { epoch, generation }, deployment);
  const spec = { ...wish.material.spec, files: { "server.mjs": region.file(source) } };
  return { ...wish, material: { ...wish.material, spec } };
}
const apply = async (wish: Wish): Promise<Wish> => {
  expect(await region.driver.apply(wish, never)).toEqual({ ok: true });
  return wish;
};
const said = (deployment: string, reason: string) =>
  expect.poll(() => region.said(deployment), WAIT).toMatchObject({ ready: "true", reason });
async function ready(deployment: string, source?: string, epoch?: number): Promise<Wish> {
  const wish = await apply(wishOf(deployment, source, epoch));
  await said(deployment, "Ready");
  return wish;
}

const kubectl = (...words: string[]): string => cluster.plane.kubectl("-n", NAMESPACE, ...words);
const found = (kind: string, deployment: string): Any =>
  JSON.parse(kubectl("get", kind, nameOf(`${deployment}.node`), "-o", "json"));
const podsOf = (deployment: string): string[] =>
  kubectl("get", "pods", "-l", `cloudify.dev/workload=${nameOf(`${deployment}.node`)}`, "-o", "name")
    .split("\n")
    .filter(Boolean);
const leadsTo = (deployment: string): string =>
  found("ingress", deployment).spec.rules[0].http.paths[0].backend.service.name;
const begins = (deployment: string): number =>
  region.lines.filter((line) => line.deployment === deployment && line.text === "begins").length;

/** Whoever is not asked at this moment falls asleep, until it is ended. */
async function nobodyAsks(until: () => Promise<unknown>): Promise<void> {
  region.settings.rest.idleMs = 1;
  try {
    await until();
  } finally {
    region.settings.rest.idleMs = Number.POSITIVE_INFINITY;
  }
}
async function asleep(deployment: string, source?: string, epoch?: number): Promise<Wish> {
  const wish = await ready(deployment, source, epoch);
  await nobodyAsks(() => said(deployment, "Idle"));
  await expect.poll(() => podsOf(deployment), WAIT).toEqual([]);
  return wish;
}
const ask = async (deployment: string, path = "/", init: RequestInit = {}) => {
  const answer = await region.ask(deployment, path, region.key, init);
  return { status: answer.status, headers: answer.headers, ...((await answer.json()) as Any) };
};
const rounds = (more: number): Promise<void> => {
  const enough = region.rounds + more;
  return expect.poll(() => region.rounds, WAIT).toBeGreaterThan(enough);
};

test("whom nobody asks has no pod; the autoscaler leaves it so, and it is ready all the same", async () => {
  await asleep("dpl_idle");
  const { metadata, spec } = found("deployment", "dpl_idle");
  expect(spec.replicas).toBe(0);
  expect(metadata.annotations["cloudify.dev/rest"]).toBe("asleep");
  expect(leadsTo("dpl_idle")).toBe(AGENT_SERVICE.name);
  const [listed] = (await region.driver.list()).filter(({ id }) => id === "dpl_idle.node");
  expect(listed?.status).toMatchObject({ ready: "true", reason: "Idle" });
  // Of `v2beta2` kubectl shows the conditions as they are; `v1` has them as an annotation.
  const scaling = () =>
    found("hpa.v2beta2.autoscaling", "dpl_idle").status.conditions?.find(
      ({ type }: Any) => type === "ScalingActive",
    );
  await expect.poll(scaling, WAIT).toMatchObject({ status: "False", reason: "ScalingDisabled" });
  expect(podsOf("dpl_idle")).toEqual([]);
});

test("fifty requests at once wake it once, all are answered, and then its Service has it again", async () => {
  await asleep("dpl_burst");
  const before = found("deployment", "dpl_burst").metadata.generation;
  const body = "x".repeat(100_000);
  const inits = Array.from({ length: 50 }, (_, at) => (at % 2 ? { method: "POST", body } : {}));
  const answers = await Promise.all(inits.map((init, at) => ask("dpl_burst", `/${at}?a=b`, init)));
  for (const [at, answer] of answers.entries()) {
    expect(answer).toMatchObject({ status: 200, url: `/${at}?a=b`, body: at % 2 ? body : "" });
    expect(answer.headers.get(INGRESS_HEADER)).toBe("1");
    expect(answer.headers.get("x-cloudify-cold")).toMatch(/^cold [1-9]\d*$/);
  }
  expect(new Set(answers.map(({ pid }) => pid)).size).toBe(1);
  expect(podsOf("dpl_burst")).toHaveLength(1);
  await said("dpl_burst", "Ready");
  await expect.poll(() => leadsTo("dpl_burst"), WAIT).toBe(nameOf("dpl_burst.node"));
  const { metadata, spec } = found("deployment", "dpl_burst");
  // Once to wake, and no more.
  expect(metadata.generation).toBe(before + 1);
  expect(metadata.annotations).not.toHaveProperty("cloudify.dev/rest");
  expect(spec.replicas).toBe(1);
  const direct = await ask("dpl_burst");
  expect(direct.pid).toBe(answers[0].pid);
  expect(direct.headers.get("x-cloudify-cold")).toBeNull();
  expect(begins("dpl_burst")).toBe(2);
});

test("an answer that streams keeps it awake, and is whole; then it sleeps", async () => {
  await ready("dpl_stream");
  await ready("dpl_beside");
  const reader = (await region.ask("dpl_stream", "/stream")).body
    ?.pipeThrough(new TextDecoderStream())
    .getReader();
  expect((await reader?.read())?.value).toBe("first ");
  await nobodyAsks(async () => {
    await said("dpl_beside", "Idle");
    await rounds(20);
    expect(region.said("dpl_stream")).toMatchObject({ reason: "Ready" });
    expect(podsOf("dpl_stream")).toHaveLength(1);
    await ask("dpl_stream", "/finish");
    expect((await reader?.read())?.value).toBe("second");
    await said("dpl_stream", "Idle");
  });
});

test("an answer that streams through the agent keeps it awake, too, also when its agent is started anew", async () => {
  await asleep("dpl_through");
  const reader = (await region.ask("dpl_through", "/stream")).body
    ?.pipeThrough(new TextDecoderStream())
    .getReader();
  expect((await reader?.read())?.value).toBe("first ");
  await expect.poll(() => leadsTo("dpl_through"), WAIT).toBe(nameOf("dpl_through.node"));
  await nobodyAsks(() => rounds(20));
  expect(podsOf("dpl_through")).toHaveLength(1);
  // The agent ends when what it hands on has ended.
  const restarted = region.restart();
  await ask("dpl_through", "/finish");
  expect((await reader?.read())?.value).toBe("second");
  await restarted;
});

test("one that sleeps answers nobody without the region's key, and sleeps on", async () => {
  await asleep("dpl_locked");
  const answer = await region.ask("dpl_locked", "/", "another");
  expect([answer.status, answer.headers.get(INGRESS_FAULT_HEADER)]).toEqual([404, "denied"]);
  expect(region.said("dpl_locked")).toMatchObject({ reason: "Idle" });
  expect(podsOf("dpl_locked")).toEqual([]);
});

test("a connection that becomes a WebSocket wakes it, and is handed through both ways", async () => {
  await asleep("dpl_socket");
  const path = `${WORKLOAD_PREFIX}dpl_socket/node/`;
  const way = await region.wayTo(path);
  if (typeof way === "number") throw new Error(`no way: ${way}`);
  const socket = connect(way.port, way.host);
  let received = "";
  socket.on("data", (bytes) => {
    received += bytes;
  });
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Cloudify-Ingress-Key: ${region.key}\r\n\r\n`,
  );
  await expect.poll(() => received, WAIT).toContain("101 Switching Protocols");
  expect(received.match(/x-cloudify-ingress: 1/gi)).toHaveLength(1);
  socket.write("hello");
  await expect.poll(() => received, WAIT).toContain("echo hello");
  // As long as it is open somebody asks.
  await nobodyAsks(() => rounds(20));
  expect(podsOf("dpl_socket")).toHaveLength(1);
  socket.destroy();
});

test("a client that goes away while it waits ends its wait, and not the start", async () => {
  await asleep("dpl_left");
  const leaving = new AbortController();
  const left = region.ask("dpl_left", "/", region.key, { signal: leaving.signal });
  await expect.poll(() => found("deployment", "dpl_left").spec.replicas, WAIT).toBe(1);
  leaving.abort();
  await expect(left).rejects.toThrow();
  await said("dpl_left", "Ready");
  await expect.poll(() => leadsTo("dpl_left"), WAIT).toBe(nameOf("dpl_left.node"));
});

test("an agent that is told to end answers those first who wait for a start", async () => {
  await asleep("dpl_last");
  const waiting = ask("dpl_last");
  await expect.poll(() => found("deployment", "dpl_last").spec.replicas, WAIT).toBe(1);
  await region.restart();
  expect((await waiting).status).toBe(200);
});

test("a start that fails is a fault that says the call never began; one that succeeds later serves again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cloudify-sleep-"));
  const broken = join(folder, "broken");
  await asleep("dpl_broken", program("well", broken));
  writeFileSync(broken, "");
  const answer = await region.ask("dpl_broken", "/");
  expect([answer.status, answer.headers.get(INGRESS_FAULT_HEADER)]).toEqual([502, "unreachable"]);
  await expect
    .poll(() => region.said("dpl_broken"), WAIT)
    .toMatchObject({ ready: "false", reason: "Crashed" });
  rmSync(folder, { recursive: true });
  expect(existsSync(broken)).toBe(false);
  await expect.poll(async () => (await region.ask("dpl_broken", "/")).status, WAIT).toBe(200);
  await expect.poll(() => leadsTo("dpl_broken"), WAIT).toBe(nameOf("dpl_broken.node"));
});

test("said again, it sleeps on; so it does under an agent that is started anew, and by whatever hand it is woken", async () => {
  const wish = await asleep("dpl_kept");
  const before = found("deployment", "dpl_kept").metadata.generation;
  expect(await region.driver.apply(wish, never)).toEqual({ ok: true });
  await region.restart();
  const [listed] = (await region.driver.list()).filter(({ id }) => id === "dpl_kept.node");
  expect(listed).toMatchObject({ stamp: wish.stamp, status: { ready: "true", reason: "Idle" } });
  await apply(wish);
  expect(found("deployment", "dpl_kept").metadata.generation).toBe(before);
  kubectl("scale", "deployment", nameOf("dpl_kept.node"), "--replicas=2");
  await expect.poll(() => found("deployment", "dpl_kept").spec.replicas, WAIT).toBe(0);
  await expect.poll(() => podsOf("dpl_kept"), WAIT).toEqual([]);
  expect((await ask("dpl_kept")).text).toBe("dpl_kept");
});

test("a newer generation of one that sleeps is ready without a pod, and is what the next request starts", async () => {
  await asleep("dpl_next", program("old"));
  const next = await apply(wishOf("dpl_next", program("new")));
  await expect
    .poll(() => region.said("dpl_next"), WAIT)
    .toMatchObject({ ready: "true", reason: "Idle", generation: next.stamp.generation });
  expect(podsOf("dpl_next")).toEqual([]);
  expect((await ask("dpl_next")).text).toBe("new");
});

test("what was put up in an older epoch sleeps and wakes when the agent has written in a newer one", async () => {
  await ready("dpl_older");
  await ready("dpl_newer", undefined, 2);
  await nobodyAsks(() => said("dpl_older", "Idle"));
  expect((await ask("dpl_older")).status).toBe(200);
  expect(found("deployment", "dpl_older").metadata.annotations["cloudify.dev/epoch"]).toBe("2");
});

test("an agent that was replaced puts nobody to sleep, and wakes nobody", async () => {
  await asleep("dpl_zombie_asleep", undefined, 2);
  await ready("dpl_zombie_awake", undefined, 2);
  const rest = { ...region.settings.rest };
  const next = region.another({ bundlePort: await freePort(), activatorPort: await freePort(), rest });
  await next.start(
    () => region.key,
    { fileOf: async () => "" },
    { onStatus: () => undefined, onLine: () => undefined },
  );
  const wishes = [wishOf("dpl_zombie_asleep", undefined, 3), wishOf("dpl_zombie_awake", undefined, 3)];
  for (const wish of wishes) expect(await next.apply({ ...wish, isWarm: true }, never)).toEqual({ ok: true });
  // The Service still leads to the one that was replaced.
  const refused = await region.ask("dpl_zombie_asleep", "/");
  expect([refused.status, refused.headers.get(INGRESS_FAULT_HEADER)]).toEqual([503, "draining"]);
  await nobodyAsks(() => rounds(40));
  expect(podsOf("dpl_zombie_asleep")).toEqual([]);
  expect(found("deployment", "dpl_zombie_awake").spec.replicas).toBe(1);
  expect(leadsTo("dpl_zombie_awake")).toBe(nameOf("dpl_zombie_awake.node"));
  await next.stop();
});

test("a tombstone removes one that sleeps, and who asks it then finds nothing", async () => {
  await asleep("dpl_gone", undefined, 4);
  const name = nameOf("dpl_gone.node");
  generation += 1;
  expect(await region.driver.remove("dpl_gone.node", { epoch: 4, generation }, never)).toEqual({ ok: true });
  const kinds = "deployment,service,ingress,secret,networkpolicy,hpa,pdb,pods,replicasets";
  const left = () => kubectl("get", kinds, "-l", `cloudify.dev/workload=${name}`, "-o", "name");
  await expect.poll(left, WAIT).toBe("");
  expect((await region.ask("dpl_gone", "/")).status).toBe(404);
});
