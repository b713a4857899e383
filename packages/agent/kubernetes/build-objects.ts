/** The objects of one build. Pure. */
import type { BuildJob } from "../driver.ts";
import type { Served } from "./kinds.ts";
import { LABEL, nameOf, ownerLabels } from "./names.ts";
import { egressOf } from "./network.ts";
import { POD, POD_ENV } from "./pod-contract.ts";
import { imageOf, podOf } from "./pod-spec.ts";
import type { KubernetesSettings } from "./settings.ts";
import type { KubeObject } from "./types.ts";

/** Fetching the source and leaving the output take time of their own beside the build's. */
const TRANSFER_SECONDS = 120;
/** Should the agent not live to remove it. */
const KEPT_SECONDS = 300;
/** A build that is canceled is to be over in 5 s; the build program takes 2 of them at most. */
export const BUILD_GRACE_SECONDS = 4;
/** For our own program; so that a build is told of its limit by us, and not ended by the kernel. */
const OVERHEAD_MIB = 256;
/** Most builds hold much less than they may: so much of it is kept free for one. */
const REQUESTED_SHARE = 0.25;

const resourcesOf = ({ buildMemoryMib }: KubernetesSettings) => ({
  requests: {
    cpu: "500m",
    memory: `${Math.ceil(buildMemoryMib * REQUESTED_SHARE)}Mi`,
    "ephemeral-storage": "2Gi",
  },
  limits: { cpu: "4", memory: `${buildMemoryMib + OVERHEAD_MIB}Mi`, "ephemeral-storage": "12Gi" },
});

/** One attempt's: another attempt is another Job. */
export const buildName = ({ task }: BuildJob): string => nameOf(`${task.id}.${task.attempt}`, "b");

const labelsOf = (job: BuildJob): Record<string, string> => ({
  ...ownerLabels(job.task),
  [LABEL.workload]: buildName(job),
  [LABEL.component]: "build",
});

export function jobOf(job: BuildJob, settings: KubernetesSettings, served: Served): KubeObject {
  const name = buildName(job);
  const env = [
    { name: POD_ENV.bundle, value: `${settings.bundles}/build/${name}` },
    { name: POD_ENV.secret, value: POD.secret },
    { name: POD_ENV.work, value: POD.work },
    { name: POD_ENV.memory, value: String(settings.buildMemoryMib * 1024 * 1024) },
  ];
  return {
    ...served.head("jobs"),
    metadata: { name, labels: labelsOf(job) },
    spec: {
      // Whether it is tried again is the control plane's to say.
      backoffLimit: 0,
      activeDeadlineSeconds: Math.ceil(job.task.limitMs / 1000) + TRANSFER_SECONDS,
      ttlSecondsAfterFinished: KEPT_SECONDS,
      template: {
        metadata: { labels: labelsOf(job) },
        spec: {
          ...podOf(),
          restartPolicy: "Never",
          terminationGracePeriodSeconds: BUILD_GRACE_SECONDS,
          containers: [
            {
              ...imageOf(settings),
              name: "build",
              command: settings.commands.build,
              env,
              volumeMounts: [
                { name: "secret", mountPath: POD.secret, readOnly: true },
                { name: "work", mountPath: POD.work },
                { name: "tmp", mountPath: "/tmp" },
              ],
              resources: resourcesOf(settings),
              terminationMessagePolicy: "FallbackToLogsOnError",
            },
          ],
          volumes: [
            { name: "work", emptyDir: { sizeLimit: "10Gi" } },
            { name: "tmp", emptyDir: { sizeLimit: "2Gi" } },
            { name: "secret", secret: { secretName: name, defaultMode: 0o440 } },
          ],
        },
      },
    },
  };
}

/** What goes with the Job: made after it, so that it owns them and nothing outlives it; its pod waits for its Secret. */
export function belongingsOf(
  job: BuildJob,
  owner: KubeObject,
  token: string,
  settings: KubernetesSettings,
  served: Served,
): { secret: KubeObject; policy: KubeObject } {
  const { apiVersion, kind } = served.head("jobs");
  const { name, uid = "" } = owner.metadata;
  const metadata = { name, labels: labelsOf(job), ownerReferences: [{ apiVersion, kind, name, uid }] };
  const { task, env, secrets, sensitive } = job;
  const text = { [POD.token]: token, [POD.material]: JSON.stringify({ task, env, secrets, sensitive }) };
  const data = Object.fromEntries(
    Object.entries(text).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  );
  return {
    secret: { ...served.head("secrets"), metadata, type: "Opaque", data },
    policy: {
      ...served.head("networkpolicies"),
      metadata,
      spec: {
        podSelector: { matchLabels: { [LABEL.workload]: name, [LABEL.component]: "build" } },
        policyTypes: ["Ingress", "Egress"],
        ingress: [],
        egress: egressOf(settings),
      },
    },
  };
}
