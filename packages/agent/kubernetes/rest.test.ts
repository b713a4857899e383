import fc from "fast-check";
import { expect, test } from "vitest";
import type { Wish } from "../driver.ts";
import { Served } from "./kinds.ts";
import { material } from "./material.fixture.ts";
import { askAgainMs, idleOf, isAsleep, type Rest, restOf } from "./rest.ts";
import { settingsFrom } from "./settings.ts";
import type { Deployment, KubeObject } from "./types.ts";
import { objectsOf, WORKLOAD_KINDS } from "./workload.ts";

const said = fc.array(fc.option(fc.nat(10_000_000), { nil: null }), { maxLength: 12 });

test("a workload is no more idle than any of its pods; one that is silent, or none at all, counts as busy", () => {
  fc.assert(
    fc.property(said, (all) => {
      const idle = idleOf(all);
      for (const one of all) expect(idle).toBeLessThanOrEqual(one ?? 0);
      if (all.length === 0) expect(idle).toBe(0);
      if (all.length > 0 && all.every((one) => one !== null)) expect(all).toContain(idle);
    }),
  );
});

test("it is asked again when it can be idle for long enough, neither later than it may be nor ever more often", () => {
  fc.assert(
    fc.property(fc.nat(5_000_000), fc.integer({ min: 1, max: 60_000 }), (idle, askMs) => {
      const idleMs = 1_800_000;
      const again = askAgainMs(idle, { idleMs, askMs });
      expect(again).toBeGreaterThanOrEqual(askMs);
      expect(again).toBeLessThanOrEqual(Math.max(askMs, idleMs - idle));
      if (again > askMs) expect(idle + again).toBe(idleMs);
    }),
  );
});

const version = (plural: string): string => (plural === "horizontalpodautoscalers" ? "v2" : "v1");
const served = new Served("fra", new Map(WORKLOAD_KINDS.map((plural) => [plural, version(plural)])));
const settings = settingsFrom({ CLOUDIFY_NAMESPACE: "fra", CLOUDIFY_IMAGE: "i" }, "fra");
const wish: Wish = {
  id: "dpl_1.node",
  stamp: { epoch: 3, generation: 7 },
  isWarm: true,
  material: material({ generation: 7 }),
};
const placed = (rest: Rest): Map<string, KubeObject> => {
  const objects = objectsOf({ wish, keys: { token: "t", ingressKey: "k" }, rest }, settings, served);
  return new Map(objects.map(({ plural, object }) => [plural, object]));
};
const differing = (one: Rest, other: Rest): string[] =>
  WORKLOAD_KINDS.filter(
    (plural) => JSON.stringify(placed(one).get(plural)) !== JSON.stringify(placed(other).get(plural)),
  );
const backendOf = (rest: Rest): object =>
  JSON.parse(JSON.stringify(placed(rest).get("ingresses"))).spec.rules[0].http.paths[0].backend.service;
const deploymentOf = (rest: Rest): Deployment & { spec: { replicas?: number } } =>
  placed(rest).get("deployments") as Deployment;

test("each step between awake and asleep is one write: of the Ingress, or of the Deployment", () => {
  expect(differing("awake", "dozing")).toEqual(["ingresses"]);
  expect(differing("dozing", "asleep")).toEqual(["deployments"]);
});

test("asleep there is no pod, by the Deployment's own word; else their number is the autoscaler's", () => {
  expect(deploymentOf("asleep").spec.replicas).toBe(0);
  for (const rest of ["awake", "dozing"] as const)
    expect(deploymentOf(rest).spec).not.toHaveProperty("replicas");
});

test("the Ingress leads to the agent whenever there may be no pod", () => {
  expect(backendOf("awake")).toMatchObject({ port: { name: "http" } });
  for (const rest of ["dozing", "asleep"] as const)
    expect(backendOf(rest)).toEqual({ name: "cloudify-agent", port: { name: "activator" } });
});

test("who begins anew reads off the Deployment that it sleeps; one that only dozed is awake", () => {
  for (const rest of ["awake", "dozing", "asleep"] as const) {
    expect(isAsleep(deploymentOf(rest))).toBe(rest === "asleep");
    for (const isWarm of [true, false])
      expect(restOf(deploymentOf(rest), isWarm)).toBe(rest === "asleep" ? "asleep" : "awake");
  }
});

test("what was never here starts warm if it is to be, and otherwise with its first request", () => {
  expect(restOf(null, true)).toBe("awake");
  expect(restOf(null, false)).toBe("asleep");
});
