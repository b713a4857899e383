import { expect, test } from "vitest";
import { settingsFrom } from "./settings.ts";

const given = { CLOUDIFY_NAMESPACE: "cloudify-fra", CLOUDIFY_IMAGE: "registry.example/agent:1" };

test("K3s needs no more than a namespace and an image", () => {
  expect(settingsFrom(given, "fra")).toMatchObject({
    region: "fra",
    bundles: "http://cloudify-agent:8790",
    bundlePort: 8790,
    ingress: null,
    ingressClass: "traefik",
    ingressNamespace: "kube-system",
    reachable: [],
    activatorPort: null,
    rest: { idleMs: 30 * 60_000 },
  });
});

test("what is missing or is no number is named", () => {
  expect(() => settingsFrom({}, "fra")).toThrow("CLOUDIFY_NAMESPACE");
  expect(() => settingsFrom({ ...given, CLOUDIFY_BUNDLE_PORT: "x" }, "fra")).toThrow("CLOUDIFY_BUNDLE_PORT");
  expect(() => settingsFrom({ ...given, CLOUDIFY_CPU: "0" }, "fra")).toThrow("CLOUDIFY_CPU");
});

test("how long it is until a workload falls asleep is said in minutes; 0 is never", () => {
  const idleMs = (minutes: string) =>
    settingsFrom({ ...given, CLOUDIFY_IDLE_MINUTES: minutes }, "fra").rest.idleMs;
  expect(idleMs("5")).toBe(300_000);
  expect(idleMs("0")).toBe(Number.POSITIVE_INFINITY);
  for (const wrong of ["", "-1", "soon", "Infinity"])
    expect(() => idleMs(wrong)).toThrow("CLOUDIFY_IDLE_MINUTES");
});
