/**
 * What `kubectl apply -f -` needs to put a region's agent into a cluster: a namespace of its own, in which alone it may act,
 * with no right to more than it uses. Each field is written out, so that who applies it can read what is applied.
 */
import { AGENT_RULES, AGENT_SERVICE, HEALTH_PATH } from "@cloudify/protocol";

export interface RegionInstallation {
  /** The region's name: also the namespace's, behind `cloudify-`. */
  name: string;
  /** The platform's address, as the cluster reaches it. */
  api: string;
  token: string;
  image: string;
  /** Origin at which the cluster's ingress controller answers the platform; `null`: it is set later. */
  ingress: string | null;
}

/** Files that the agent serves to pods; requests to workloads without a pod; and its health and numbers. */
const BUNDLE_PORT = 8790;
const ACTIVATOR_PORT = 8791;
const METRICS_PORT = 9090;
/** Where the image keeps what lasts. */
const HOME = "/home/node/agent";
const VOLUME_GIB = 10;
/** Of the volume; the rest is for a build's source and output, and for lines that nobody has taken yet. */
const BLOBS_MIB = 4_096;
const BUILD_CACHES_MIB = 3_072;
const AGENT = AGENT_SERVICE.name;
const ACTIVATOR = AGENT_SERVICE.activator;

/** A `List`, which `kubectl apply` takes as JSON: no quoting of ours has to be right. */
export const manifestOf = (installation: RegionInstallation) => ({
  apiVersion: "v1",
  kind: "List",
  items: objectsOf(installation),
});

function objectsOf({ name, api, token, image, ingress }: RegionInstallation): object[] {
  const namespace = `cloudify-${name}`;
  const labels = { "app.kubernetes.io/name": AGENT, "cloudify.dev/component": "agent" };
  const metadata = { name: AGENT, namespace, labels };
  const env = {
    CLOUDIFY_API: api,
    CLOUDIFY_AGENT_DRIVER: "kubernetes",
    CLOUDIFY_AGENT_HOME: HOME,
    CLOUDIFY_AGENT_CACHE: String(BLOBS_MIB),
    CLOUDIFY_AGENT_BUILD_CACHE: String(BUILD_CACHES_MIB),
    CLOUDIFY_NAMESPACE: namespace,
    CLOUDIFY_IMAGE: image,
    CLOUDIFY_BUNDLES: `http://${AGENT}:${BUNDLE_PORT}`,
    CLOUDIFY_BUNDLE_PORT: String(BUNDLE_PORT),
    CLOUDIFY_ACTIVATOR_PORT: String(ACTIVATOR_PORT),
    CLOUDIFY_METRICS_HOST: "0.0.0.0",
    CLOUDIFY_METRICS_PORT: String(METRICS_PORT),
    ...(ingress !== null && { CLOUDIFY_INGRESS_ORIGIN: ingress }),
  };
  return [
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
    },
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata,
      rules: AGENT_RULES,
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: AGENT },
      subjects: [{ kind: "ServiceAccount", name: AGENT, namespace }],
    },
    { apiVersion: "v1", kind: "Secret", metadata, type: "Opaque", stringData: { token } },
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata,
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: `${VOLUME_GIB}Gi` } } },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: {
        selector: labels,
        ports: [
          { name: "bundles", port: BUNDLE_PORT, targetPort: "bundles", protocol: "TCP" },
          { name: ACTIVATOR, port: ACTIVATOR_PORT, targetPort: ACTIVATOR, protocol: "TCP" },
          { name: "metrics", port: METRICS_PORT, targetPort: "metrics", protocol: "TCP" },
        ],
      },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        replicas: 1,
        // Its volume is one node's; and the next takes the lease over at once, since it is of the same installation.
        strategy: { type: "Recreate" },
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: podOf(image, env) },
      },
    },
  ];
}

const podOf = (image: string, env: Record<string, string>): object => ({
  serviceAccountName: AGENT,
  terminationGracePeriodSeconds: 30,
  securityContext: {
    runAsNonRoot: true,
    runAsUser: 1000,
    runAsGroup: 1000,
    fsGroup: 1000,
    seccompProfile: { type: "RuntimeDefault" },
  },
  containers: [
    {
      name: "agent",
      image,
      env: [
        ...Object.entries(env).map(([name, value]) => ({ name, value })),
        { name: "CLOUDIFY_REGION_TOKEN", valueFrom: { secretKeyRef: { name: AGENT, key: "token" } } },
      ],
      ports: [
        { name: "bundles", containerPort: BUNDLE_PORT, protocol: "TCP" },
        { name: ACTIVATOR, containerPort: ACTIVATOR_PORT, protocol: "TCP" },
        { name: "metrics", containerPort: METRICS_PORT, protocol: "TCP" },
      ],
      livenessProbe: {
        httpGet: { path: "/healthz", port: "metrics" },
        periodSeconds: 10,
        failureThreshold: 6,
      },
      // Until it answers, the ingress is to say that there is nobody: what was never begun goes elsewhere.
      readinessProbe: { httpGet: { path: HEALTH_PATH, port: ACTIVATOR }, periodSeconds: 2 },
      resources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "1Gi" } },
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
      volumeMounts: [
        { name: "state", mountPath: HOME },
        { name: "tmp", mountPath: "/tmp" },
      ],
    },
  ],
  volumes: [
    { name: "state", persistentVolumeClaim: { claimName: AGENT } },
    { name: "tmp", emptyDir: {} },
  ],
});
