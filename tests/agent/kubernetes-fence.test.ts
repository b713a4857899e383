/** Two agents at once in one region: the one that was thought dead changes nothing, whenever it wakes up. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Any } from "#scripts/kube/api.ts";
import { TestCluster, TestRegion } from "#tests/support/kube.ts";
import { freePort } from "#tests/support/platform.ts";
import type { Applied, Stamp } from "../../packages/agent/driver.ts";
import { negotiate, type Served } from "../../packages/agent/kubernetes/kinds.ts";
import { FencedStore, type Written } from "../../packages/agent/kubernetes/store.ts";
import { wishFor } from "./conformance.ts";

const never = new AbortController().signal;
const NAMESPACE = "fence";
const SERVICES = `/api/v1/namespaces/${NAMESPACE}/services`;
const FENCED = { ok: false, reason: "fenced", detail: expect.any(String) };

let cluster: TestCluster;
let region: TestRegion;
let served: Served;
beforeAll(async () => {
  cluster = await TestCluster.start();
  region = await TestRegion.start(cluster, NAMESPACE);
  served = await negotiate(region.client(), NAMESPACE);
});
afterAll(async () => {
  await region?.stop();
  await cluster?.stop();
});

/** A store whose next write stands still between its decision and the API server, as a paused process does. */
function paused(): { store: FencedStore; decided: Promise<void>; goOn: () => void } {
  const { promise: decided, resolve: decide } = Promise.withResolvers<void>();
  const { promise: resumed, resolve: goOn } = Promise.withResolvers<void>();
  const kube = region.client();
  for (const write of ["create", "apply", "remove"] as const) {
    const real = kube[write].bind(kube) as (...words: unknown[]) => Promise<never>;
    kube[write] = async (path: string, ...words: unknown[]) => {
      if (path.includes("/services")) {
        decide();
        await resumed;
      }
      return real(path, ...words);
    };
  }
  return { store: new FencedStore(kube, served), decided, goOn };
}

const service = (name: string, { epoch, generation }: Stamp, port: number): Written[] => [
  {
    plural: "services",
    object: {
      ...served.head("services"),
      metadata: {
        name,
        labels: { "app.kubernetes.io/managed-by": "cloudify-agent" },
        annotations: { "cloudify.dev/epoch": String(epoch), "cloudify.dev/generation": String(generation) },
      },
      spec: { ports: [{ name: "http", port, protocol: "TCP" }] },
    },
  },
];
const put = (store: FencedStore, name: string, stamp: Stamp, port: number): Promise<Applied> =>
  store.put(service(name, stamp, port), stamp, never);
const successor = (): FencedStore => new FencedStore(region.client(), served);
const portOf = async (name: string): Promise<number | null> =>
  ((await cluster.get(`${SERVICES}/${name}`)) as Any)?.spec.ports[0].port ?? null;

test("a former holder is refused what it never wrote, what it wrote, and what it would remove", async () => {
  const wish = (stamp: Stamp) => wishFor(region, "dpl_1", stamp, "x");
  expect(await region.driver.apply(wish({ epoch: 3, generation: 1 }), never)).toEqual({ ok: true });
  const next = region.another({ bundlePort: await freePort(), activatorPort: await freePort() });
  await next.start(
    () => "key",
    { fileOf: async () => "" },
    { onStatus: () => undefined, onLine: () => undefined },
  );
  expect(await next.apply(wish({ epoch: 4, generation: 1 }), never)).toEqual({ ok: true });
  const versions = async (): Promise<string> => {
    const { items } = (await cluster.get(`/apis/apps/v1/namespaces/${NAMESPACE}/deployments`)) as Any;
    return JSON.stringify(
      items.map((one: Any) => [one.metadata.name, one.metadata.generation, one.metadata.annotations]),
    );
  };
  const before = await versions();
  // A newer generation too: the old epoch decides.
  expect(await region.driver.apply(wish({ epoch: 3, generation: 9 }), never)).toEqual(FENCED);
  expect(await region.driver.remove("dpl_1.node", { epoch: 3, generation: 9 }, never)).toEqual(FENCED);
  expect(
    await region.driver.apply(wishFor(region, "dpl_2", { epoch: 3, generation: 9 }, "x"), never),
  ).toEqual(FENCED);
  expect(await region.driver.remove("dpl_none.node", { epoch: 3, generation: 9 }, never)).toEqual(FENCED);
  expect(await versions()).toBe(before);
  await next.stop();
});

test("paused before a create, it finds that its successor has created", async () => {
  const zombie = paused();
  const late = put(zombie.store, "one", { epoch: 10, generation: 1 }, 81);
  await zombie.decided;
  expect(await put(successor(), "one", { epoch: 11, generation: 2 }, 82)).toEqual({ ok: true });
  zombie.goOn();
  expect(await late).toEqual(FENCED);
  expect(await portOf("one")).toBe(82);
});

test("paused before a create, it brings nothing back that its successor has removed", async () => {
  const zombie = paused();
  const late = put(zombie.store, "two", { epoch: 11, generation: 3 }, 81);
  await zombie.decided;
  const removal = successor().remove(
    [{ plural: "services", name: "two" }],
    { epoch: 12, generation: 4 },
    never,
  );
  expect(await removal).toEqual({ ok: true });
  zombie.goOn();
  expect(await late).toEqual(FENCED);
  expect(await portOf("two")).toBeNull();
});

test("paused before a change or a removal, it is refused by the version that it had read", async () => {
  expect(await put(successor(), "three", { epoch: 12, generation: 5 }, 81)).toEqual({ ok: true });
  const [changer, remover] = [paused(), paused()];
  const change = put(changer.store, "three", { epoch: 12, generation: 6 }, 82);
  const removal = remover.store.remove(
    [{ plural: "services", name: "three" }],
    { epoch: 12, generation: 6 },
    never,
  );
  await Promise.all([changer.decided, remover.decided]);
  expect(await put(successor(), "three", { epoch: 13, generation: 7 }, 83)).toEqual({ ok: true });
  changer.goOn();
  remover.goOn();
  expect(await Promise.all([change, removal])).toEqual([FENCED, FENCED]);
  expect(await portOf("three")).toBe(83);
});

test("a field that is left out later goes, though the object was made by a create", async () => {
  const store = successor();
  const stamp = { epoch: 13, generation: 8 };
  const [one] = service("four", stamp, 81);
  if (!one) throw new Error("no service");
  const labels = { ...one.object.metadata.labels, extra: "x" };
  await store.put(
    [{ ...one, object: { ...one.object, metadata: { ...one.object.metadata, labels } } }],
    stamp,
    never,
  );
  expect((await cluster.get(`${SERVICES}/four`)).metadata.labels.extra).toBe("x");
  expect(await store.put([one], stamp, never)).toEqual({ ok: true });
  expect((await cluster.get(`${SERVICES}/four`)).metadata.labels.extra).toBeUndefined();
});

test("of many at once with their own epochs the newest is what stays", async () => {
  const epochs = [21, 25, 22, 29, 23, 28, 24, 27, 26, 20];
  const answers = await Promise.all(
    epochs.map((epoch) => put(successor(), "five", { epoch, generation: 1 }, epoch)),
  );
  expect(await portOf("five")).toBe(29);
  expect(answers[epochs.indexOf(29)]).toEqual({ ok: true });
  for (const answer of answers) if (!answer.ok) expect(answer.reason).toBe("fenced");
});
