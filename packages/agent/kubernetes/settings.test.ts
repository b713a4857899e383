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
    buildMemoryMib: 4_096,
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

test("what a build may hold is said in MiB, as to the process driver", () => {
  const memory = (mib: string) =>
    settingsFrom({ ...given, CLOUDIFY_AGENT_BUILD_MEMORY: mib }, "fra").buildMemoryMib;
  expect(memory("8192")).toBe(8_192);
  expect(memory("")).toBe(4_096);
  for (const wrong of ["127", "1.5", "8Gi", "1048577"])
    expect(() => memory(wrong)).toThrow("CLOUDIFY_AGENT_BUILD_MEMORY");
});
