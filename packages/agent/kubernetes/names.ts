/** Names, labels and annotations of what the agent makes. */
import { createHash } from "node:crypto";
import type { WorkloadMaterial } from "@cloudify/protocol";
import type { Stamp } from "../driver.ts";
import type { KubeObject } from "./types.ts";

const PREFIX = "cloudify.dev/";

export const LABEL = {
  /** On all that the agent makes, and on nothing else: what lacks it is not ours to touch. */
  managedBy: "app.kubernetes.io/managed-by",
  /** Name of the workload's objects; its id is an annotation, for not every id is a label's value. */
  workload: `${PREFIX}workload`,
  deployment: `${PREFIX}deployment`,
  project: `${PREFIX}project`,
  team: `${PREFIX}team`,
  /** `agent`, `workload`, `build`, `health`: whom a NetworkPolicy speaks of. */
  component: `${PREFIX}component`,
} as const;

/** Kubernetes' own, on the slices of a Service's endpoints. */
export const SERVICE_LABEL = "kubernetes.io/service-name";

export const ANNOTATION = {
  id: `${PREFIX}workload-id`,
  epoch: `${PREFIX}epoch`,
  generation: `${PREFIX}generation`,
  /** What the pods run, as a keyed digest: a changed one replaces them. */
  digest: `${PREFIX}digest`,
  /** On a Deployment, `asleep`: it has no pods on purpose. */
  rest: `${PREFIX}rest`,
} as const;

export const MANAGER = "cloudify-agent";
export const MANAGED = `${LABEL.managedBy}=${MANAGER}`;

/** Longest label that pods of a Deployment leave room for: 63 less `-<replica set>-<pod>`. */
const READABLE = 34;

/**
 * Name of a workload's objects: readable as far as it goes, and unique by a digest. At most 46 octets, for a ReplicaSet and
 * a pod add 17 to it; begins with a letter, as a Service's must.
 */
export function nameOf(id: string, prefix = "w"): string {
  const digest = createHash("sha256").update(id).digest("hex").slice(0, 8);
  const readable = id.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return `${prefix}-${readable.slice(0, READABLE).replaceAll(/^-+|-+$/g, "")}-${digest}`;
}

/** A label's value, or what is left of it. */
export const labelValue = (text: string): string =>
  text
    .replaceAll(/[^A-Za-z0-9_.-]/g, "-")
    .slice(0, 63)
    .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "");

type Owner = Pick<WorkloadMaterial, "deployment" | "project" | "team">;

export const ownerLabels = ({ deployment, project, team }: Owner): Record<string, string> => ({
  [LABEL.managedBy]: MANAGER,
  [LABEL.deployment]: labelValue(deployment),
  [LABEL.project]: labelValue(project),
  [LABEL.team]: labelValue(team),
});

/** @returns `null` when the object bears no stamp. */
export function stampOf(object: KubeObject): Stamp | null {
  const { [ANNOTATION.epoch]: epoch, [ANNOTATION.generation]: generation } =
    object.metadata.annotations ?? {};
  const stamp = { epoch: Number(epoch), generation: Number(generation) };
  return Number.isSafeInteger(stamp.epoch) && Number.isSafeInteger(stamp.generation) ? stamp : null;
}

/** The same object under another epoch. */
export const inEpoch = <T extends KubeObject>(object: T, epoch: number): T => {
  const annotations = { ...object.metadata.annotations, [ANNOTATION.epoch]: String(epoch) };
  return { ...object, metadata: { ...object.metadata, annotations } };
};

export const isOurs = (object: KubeObject): boolean =>
  object.metadata.labels?.[LABEL.managedBy] === MANAGER && stampOf(object) !== null;
