import { expect, test } from "vitest";
import { statusOf as statusOfAll } from "./status.ts";
import type { Condition, ContainerStatus, Deployment, EndpointSlice, Pod } from "./types.ts";

const deployment = (over: Partial<Deployment> = {}, conditions: Condition[] = []): Deployment => ({
  metadata: {
    name: "w",
    generation: 2,
    annotations: {
      "cloudify.dev/workload-id": "dpl_1.node",
      "cloudify.dev/epoch": "1",
      "cloudify.dev/generation": "5",
    },
  },
  spec: { template: { metadata: { annotations: { "cloudify.dev/digest": "new" } } } },
  status: { observedGeneration: 2, conditions },
  ...over,
});

const slice = (ready: boolean): EndpointSlice => ({
  metadata: { name: "s" },
  endpoints: [{ addresses: ["10.42.0.1"], conditions: { ready } }],
});
const statusOf = (one: Deployment, pods: readonly Pod[]) => statusOfAll(one, pods, [slice(true)]);

const pod = (is: boolean, containers: ContainerStatus[] = [], digest = "new"): Pod => ({
  metadata: { name: "p", annotations: { "cloudify.dev/digest": digest } },
  spec: { containers: [] },
  status: {
    phase: "Running",
    podIP: "10.42.0.1",
    startTime: "2026-11-26T10:00:00Z",
    conditions: [
      { type: "Ready", status: is ? "True" : "False", lastTransitionTime: "2026-11-26T10:00:03Z" },
    ],
    containerStatuses: containers,
  },
});

const container = (
  state: ContainerStatus["state"],
  more: Partial<ContainerStatus> = {},
): ContainerStatus => ({
  name: "workload",
  ready: false,
  restartCount: 0,
  ...(state && { state }),
  ...more,
});

test("a pod of the newest make that is ready makes it ready; one of an older make does not", () => {
  const ready = { id: "dpl_1.node", generation: 5, ready: "true", reason: "Ready", coldStartMs: 3_000 };
  expect(statusOf(deployment(), [pod(true)])).toMatchObject(ready);
  expect(statusOf(deployment(), [pod(true, [], "old")])).toMatchObject({
    ready: "false",
    reason: "Starting",
  });
  expect(statusOf(deployment(), [pod(true, [], "old"), pod(false)])).toMatchObject({ ready: "false" });
});

test("a pod that answers but is not routed to is not ready yet", () => {
  for (const slices of [[], [slice(false)]]) {
    expect(statusOfAll(deployment(), [pod(true)], slices)).toMatchObject({
      ready: "false",
      reason: "Starting",
    });
  }
});

test("what an evicted pod has left behind says nothing of the one that starts in its place", () => {
  const left = pod(false, [container({ terminated: { exitCode: 137 } }, { restartCount: 4 })]);
  const evicted = { ...left, status: { ...left.status, phase: "Failed" as const } };
  const said = statusOf(deployment(), [evicted, pod(false)]);
  expect(said).toMatchObject({ ready: "false", reason: "Starting", restarts: 0 });
});

test("nothing is ready that Kubernetes has not taken notice of", () => {
  const unseen = deployment({ status: { observedGeneration: 1 } });
  expect(statusOf(unseen, [pod(true)])).toMatchObject({ ready: "false", reason: "Starting" });
});

test.each<[string, ContainerStatus, { reason: string; detail: RegExp }]>([
  [
    "an image that can't be had",
    container({ waiting: { reason: "ErrImagePull", message: "not found" } }),
    { reason: "ImagePull", detail: /not found/ },
  ],
  [
    "what our program said of its end",
    container(
      { waiting: { reason: "CrashLoopBackOff" } },
      { lastState: { terminated: { exitCode: 1, message: '{"reason":"NotListening","detail":"no port"}' } } },
    ),
    { reason: "NotListening", detail: /^no port$/ },
  ],
  [
    "an end that nobody explained",
    container({ terminated: { exitCode: 137, message: "last words" } }),
    { reason: "Crashed", detail: /137.*last words/ },
  ],
  [
    "the kernel's limit",
    container({ terminated: { exitCode: 137, reason: "OOMKilled" } }),
    { reason: "OutOfMemory", detail: /memory/ },
  ],
  [
    "files that can't be had",
    container({ terminated: { exitCode: 1, message: "404" } }, { name: "files" }),
    { reason: "SpecUnavailable", detail: /404/ },
  ],
])("%s is the reason", (_what, status, { reason, detail }) => {
  const said = statusOf(deployment(), [pod(false, [status])]);
  expect(said).toMatchObject({ ready: "false", reason });
  expect(said.detail).toMatch(detail);
});

test("a rollout that does not come on says so, and what the pods know goes before it", () => {
  const late = {
    type: "Progressing",
    status: "False",
    reason: "ProgressDeadlineExceeded",
    message: "timed out",
  } as const;
  expect(statusOf(deployment({}, [late]), [])).toMatchObject({
    reason: "ProgressDeadlineExceeded",
    detail: "timed out",
  });
  const pulling = pod(false, [container({ waiting: { reason: "ImagePullBackOff", message: "x" } })]);
  expect(statusOf(deployment({}, [late]), [pulling])).toMatchObject({ reason: "ImagePull" });
});

test("restarts of all its pods are counted", () => {
  const twice = pod(true, [container({ running: {} }, { restartCount: 2 })]);
  expect(statusOf(deployment(), [twice, twice])).toMatchObject({ ready: "true", restarts: 4 });
});
