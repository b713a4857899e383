/** A workload's Deployment: how its pods run, and what they may not. */
import { ANNOTATION, ownerLabels } from "./names.ts";
import { POD, POD_ENV } from "./pod-contract.ts";
import type { KubernetesSettings } from "./settings.ts";
import type { Parts } from "./workload.ts";

/** Mebibytes for our own program beside the function's process. */
const OVERHEAD = 96;
/** Seconds in which a new instance is to be ready, the fetch of its files included. */
const PROGRESS_SECONDS = 300;
const START_SECONDS = 120;
const MIB = 1024 * 1024;

/**
 * Replicas are the autoscaler's, so none are said: left out, there is one, and it goes on from there. It leaves a Deployment
 * alone that is said to have 0.
 */
export function deploymentOf({ wish, rest, settings, name, selector, digest }: Parts): object {
  const { spec } = wish.material;
  const bytes = Object.values(spec.files).reduce((sum, file) => sum + ("size" in file ? file.size : 0), 0);
  const env = [
    { name: POD_ENV.files, value: POD.files },
    { name: POD_ENV.secret, value: POD.secret },
    { name: POD_ENV.work, value: POD.work },
    { name: POD_ENV.region, value: settings.region },
    { name: POD_ENV.termination, value: POD.termination },
    { name: POD_ENV.host, valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "status.podIP" } } },
  ];
  const bundle = { name: POD_ENV.bundle, value: `${settings.bundles}/bundle/${encodeURIComponent(wish.id)}` };
  const files = { name: "files", mountPath: POD.files };
  const secret = { name: "secret", mountPath: POD.secret, readOnly: true };
  const memory = `${spec.memory + OVERHEAD}Mi`;
  const container = imageOf(settings);
  return {
    spec: {
      ...(rest === "asleep" && { replicas: 0 }),
      selector: { matchLabels: selector },
      revisionHistoryLimit: 1,
      progressDeadlineSeconds: PROGRESS_SECONDS,
      // A new instance is ready before an old one goes.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: {
          labels: { ...ownerLabels(wish.material), ...selector },
          annotations: { [ANNOTATION.id]: wish.id, [ANNOTATION.digest]: digest },
        },
        spec: {
          ...podOf(),
          terminationGracePeriodSeconds: 40,
          initContainers: [
            {
              ...container,
              name: "files",
              command: settings.commands.files,
              env: [bundle, ...env],
              volumeMounts: [files, secret],
              terminationMessagePolicy: "FallbackToLogsOnError",
              resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "256Mi" } },
            },
          ],
          containers: [
            {
              ...container,
              name: "workload",
              command: settings.commands.serve,
              env,
              ports: [{ name: "http", containerPort: POD.port, protocol: "TCP" }],
              volumeMounts: [
                { ...files, readOnly: true },
                secret,
                { name: "work", mountPath: POD.work },
                { name: "tmp", mountPath: "/tmp" },
              ],
              resources: { requests: { cpu: "100m", memory }, limits: { memory } },
              startupProbe: probe("/ready", { periodSeconds: 1, failureThreshold: START_SECONDS }),
              readinessProbe: probe("/ready", { periodSeconds: 2, failureThreshold: 2 }),
              livenessProbe: probe("/live", { periodSeconds: 10, failureThreshold: 3 }),
              // Endpoints are told of the end at the same time as the pod: whoever was not yet is still answered.
              terminationMessagePath: POD.termination,
              lifecycle: { preStop: { exec: { command: ["sleep", "5"] } } },
              terminationMessagePolicy: "FallbackToLogsOnError",
            },
          ],
          volumes: [
            { name: "files", emptyDir: { sizeLimit: `${Math.ceil((bytes * 1.1) / MIB) + 16}Mi` } },
            { name: "work", emptyDir: { sizeLimit: `${Math.ceil((bytes * 1.1) / MIB) + 512}Mi` } },
            { name: "tmp", emptyDir: { sizeLimit: "512Mi" } },
            { name: "secret", secret: { secretName: name, defaultMode: 0o440 } },
          ],
        },
      },
    },
  };
}

const probe = (path: string, often: object): object => ({
  httpGet: { path, port: POD.probePort, scheme: "HTTP" },
  timeoutSeconds: 2,
  ...often,
});

/** What holds for every pod that the agent makes. */
export const podOf = (): object => ({
  automountServiceAccountToken: false,
  // Else each pod would get the addresses of all Services as variables.
  enableServiceLinks: false,
  securityContext: {
    runAsNonRoot: true,
    runAsUser: POD.uid,
    runAsGroup: POD.uid,
    fsGroup: POD.uid,
    seccompProfile: { type: "RuntimeDefault" },
  },
});

const CONFINED = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
} as const;

export const imageOf = (
  settings: KubernetesSettings,
): { image: string; securityContext: typeof CONFINED } => ({
  image: settings.image,
  securityContext: CONFINED,
});
