/** What is said of a workload, by its Deployment and pods. Pure. */
import type { WorkloadStatus } from "@cloudify/protocol";
import { ANNOTATION, stampOf } from "./names.ts";
import type { PodEnd } from "./pod-contract.ts";
import { isAsleep } from "./rest.ts";
import type { Seen } from "./sleeper.ts";
import type { ContainerState, ContainerStatus, Deployment, EndpointSlice, Pod } from "./types.ts";

type Said = Pick<WorkloadStatus, "ready" | "reason" | "detail">;

/** Reasons of waiting containers that do not pass by themselves, or not soon. */
const FAULTS: Record<string, string> = {
  ImagePullBackOff: "ImagePull",
  ErrImagePull: "ImagePull",
  InvalidImageName: "ImagePull",
  ErrImageNeverPull: "ImagePull",
  CrashLoopBackOff: "Crashed",
  CreateContainerConfigError: "ContainerConfig",
  CreateContainerError: "ContainerConfig",
  RunContainerError: "ContainerConfig",
};

/**
 * The Deployment's own opinion of its pods is of all generations of them; ours is of the newest.
 *
 * @param slices Of its Service: a pod that answers but is not routed to yet would fail whoever is sent there.
 */
export function statusOf(
  deployment: Deployment,
  pods: readonly Pod[],
  slices: readonly EndpointSlice[],
): Omit<WorkloadStatus, "since"> {
  const id = deployment.metadata.annotations?.[ANNOTATION.id] ?? "";
  const generation = stampOf(deployment)?.generation ?? 0;
  const digest = deployment.spec.template.metadata.annotations?.[ANNOTATION.digest];
  // One that was evicted lies there for as long as the cluster likes, and another has taken its place.
  const present = pods
    .filter(isLive)
    .filter(
      ({ metadata }) => metadata.annotations?.[ANNOTATION.digest] === digest && !metadata.deletionTimestamp,
    );
  const restarts = present.flatMap(containersOf).reduce((sum, { restartCount }) => sum + restartCount, 0);
  const said = saidOf(deployment, present, routedTo(slices));
  return { id, generation, ...said, restarts, coldStartMs: coldStartOf(present) };
}

/** What its sleep goes by: pods of any make count, for they may all be asked. */
export function seenOf(
  deployment: Deployment | undefined,
  pods: readonly Pod[],
  slices: readonly EndpointSlice[],
): Seen {
  if (!deployment) return { status: NOT_SEEN, pods: [], answering: [] };
  const status = statusOf(deployment, pods, slices);
  const staying = pods.filter(({ metadata }) => !metadata.deletionTimestamp).filter(isLive);
  const routed = routedTo(slices);
  const answering = staying.filter(isReady).flatMap(({ status: is }) => is?.podIP ?? []);
  return {
    status,
    pods: staying.map(({ status: is }) => is?.podIP ?? null),
    // They may be there still, but not for long.
    answering: isAsleep(deployment) ? [] : answering.filter((podIP) => routed.has(podIP)),
  };
}

const NOT_SEEN = { ready: "unknown", reason: "Starting", detail: "" } as const;
const isLive = ({ status }: Pod): boolean => status?.phase !== "Failed" && status?.phase !== "Succeeded";

function saidOf(deployment: Deployment, pods: readonly Pod[], routed: ReadonlySet<string>): Said {
  const { status } = deployment;
  if (isAsleep(deployment)) {
    return { ready: "true", reason: "Idle", detail: "It starts with the next request." };
  }
  if ((status?.observedGeneration ?? 0) < (deployment.metadata.generation ?? 1)) {
    return { ready: "false", reason: "Starting", detail: "Kubernetes has not taken notice yet." };
  }
  const answering = pods.filter(isReady);
  if (answering.some(({ status: is }) => routed.has(is?.podIP ?? ""))) {
    return { ready: "true", reason: "Ready", detail: "" };
  }
  if (answering.length > 0)
    return { ready: "false", reason: "Starting", detail: "The way to it is not known yet." };
  const fault = pods.map(faultOf).find((one) => one !== null);
  if (fault) return { ready: "false", ...fault };
  const failure = status?.conditions?.find(
    ({ type, status: is }) =>
      (type === "ReplicaFailure" && is === "True") || (type === "Progressing" && is === "False"),
  );
  if (failure) {
    return { ready: "false", reason: failure.reason ?? failure.type, detail: failure.message ?? "" };
  }
  return { ready: "false", reason: "Starting", detail: pods.length === 0 ? "No pod yet." : "" };
}

const routedTo = (slices: readonly EndpointSlice[]): ReadonlySet<string> =>
  new Set(
    slices
      .flatMap(({ endpoints }) => endpoints ?? [])
      // Not said means ready.
      .flatMap(({ addresses, conditions }) => (conditions?.ready === false ? [] : addresses)),
  );

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false;

function faultOf(pod: Pod): Omit<Said, "ready"> | null {
  const scheduled = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (scheduled?.status === "False" && scheduled.reason === "Unschedulable") {
    return { reason: "Unschedulable", detail: scheduled.message ?? "No node has room for it." };
  }
  for (const container of containersOf(pod)) {
    const { waiting, terminated } = container.state ?? {};
    const reason = waiting?.reason && FAULTS[waiting.reason];
    // After a crash the container waits; why it ended is what is of interest.
    const last = terminated ?? container.lastState?.terminated;
    const isCrash = reason === "Crashed" || (terminated && terminated.exitCode !== 0);
    if (isCrash) {
      return (
        endOf(last) ?? {
          reason: container.name === "files" ? "SpecUnavailable" : "Crashed",
          ...plainEnd(last),
        }
      );
    }
    if (reason) return { reason, detail: waiting.message ?? waiting.reason ?? "" };
  }
  return null;
}

/** What our program in the pod said of it. */
function endOf(last: ContainerState["terminated"]): PodEnd | null {
  if (last?.reason === "OOMKilled") {
    return { reason: "OutOfMemory", detail: "It took more memory than it may, and was ended." };
  }
  try {
    const { reason, detail } = JSON.parse(last?.message ?? "") as Partial<PodEnd>;
    return reason ? { reason, detail: detail ?? "" } : null;
  } catch {
    return null;
  }
}

function plainEnd(last: ContainerState["terminated"]): { detail: string } {
  if (!last) return { detail: "It ended again and again." };
  return {
    detail: `It ended with code ${last.exitCode}. ${last.message?.trim().slice(-1_000) ?? ""}`.trim(),
  };
}

const containersOf = ({ status }: Pod): ContainerStatus[] => [
  ...(status?.initContainerStatuses ?? []),
  ...(status?.containerStatuses ?? []),
];

/** From the pod's start to its readiness, of the pod that was ready last. */
function coldStartOf(pods: readonly Pod[]): number | null {
  const spans = pods.flatMap(({ status }) => {
    const ready = status?.conditions?.find(({ type, status: is }) => type === "Ready" && is === "True");
    const from = Date.parse(status?.startTime ?? "");
    const to = Date.parse(ready?.lastTransitionTime ?? "");
    return Number.isFinite(to - from) ? [{ to, span: to - from }] : [];
  });
  return spans.toSorted((a, b) => b.to - a.to)[0]?.span ?? null;
}
