/** The Kubernetes driver against a real API server and its controllers; docs/kubernetes.md says what this does not show. */
import { afterAll, beforeAll } from "vitest";
import { TestCluster, TestRegion } from "#tests/support/kube.ts";
import { conformance } from "./conformance.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(() => cluster?.stop());

conformance("kubernetes", { outlives: true }, () => TestRegion.start(cluster, "conformance"));
