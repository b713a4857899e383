/** A cluster for a test: a real control plane, a node that is played, and an agent with exactly the rights of its manifest. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AGENT_RULES,
  AGENT_SERVICE,
  INGRESS_KEY_HEADER,
  WORKLOAD_PREFIX,
  type WorkloadFile,
  type WorkloadStatus,
} from "@cloudify/protocol";
import { type Any, Api } from "#scripts/kube/api.ts";
import { ControlPlane } from "#scripts/kube/control-plane.ts";
import { Kubelet } from "#scripts/kube/kubelet.ts";
import { ROOT } from "#scripts/platform/parts.ts";
import { systemClock } from "../../packages/agent/clock.ts";
import type { DriverEvents, WorkloadLine } from "../../packages/agent/driver.ts";
import { Kube } from "../../packages/agent/kubernetes/client.ts";
import { KubernetesDriver } from "../../packages/agent/kubernetes/driver.ts";
import type { KubernetesSettings } from "../../packages/agent/kubernetes/settings.ts";
import { freePort } from "./platform.ts";

/** As the API server knows it; of loopback it takes no endpoint. */
const AGENT_IP = "10.42.255.1";
const TICK_MS = 50;

export class TestCluster {
  readonly plane: ControlPlane;
  readonly kubelet: Kubelet;
  /** With all rights. */
  readonly admin: Api;

  private constructor(plane: ControlPlane, kubelet: Kubelet) {
    this.plane = plane;
    this.kubelet = kubelet;
    this.admin = new Api(plane.server, plane.identity.tokens.admin, plane.identity.authority);
  }

  static async start(): Promise<TestCluster> {
    const plane = await ControlPlane.start();
    return new TestCluster(plane, await Kubelet.start(plane));
  }

  async stop(): Promise<void> {
    this.admin.close();
    await this.kubelet.stop();
    await this.plane.stop();
  }

  async get(path: string): Promise<Any> {
    const { code, body } = await this.admin.send("GET", path);
    return code === 200 ? body : null;
  }

  /** As `kubectl apply` of the region's manifest would leave it. @returns Path of the kubeconfig of the agent's ServiceAccount. */
  async createRegion(namespace: string): Promise<string> {
    const post = async (path: string, body: object): Promise<Any> => {
      const answer = await this.admin.send("POST", path, body);
      if (answer.code >= 300) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
      return answer.body;
    };
    const core = `/api/v1/namespaces/${namespace}`;
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const metadata = { name: "cloudify-agent", namespace };
    await post("/api/v1/namespaces", { metadata: { name: namespace } });
    await post(`${core}/serviceaccounts`, { metadata });
    await post(`${rbac}/roles`, { metadata, rules: AGENT_RULES });
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: metadata.name };
    const subjects = [{ kind: "ServiceAccount", ...metadata }];
    await post(`${rbac}/rolebindings`, { metadata, roleRef, subjects });
    const token = await post(`${core}/serviceaccounts/cloudify-agent/token`, {
      spec: { expirationSeconds: 3_600 },
    });
    return this.plane.configFor(namespace, token.status.token, namespace);
  }

  /** The agent's Service, as the manifest makes it, leads to whoever listens at this port. */
  async leadToAgent(namespace: string, activatorPort: number): Promise<void> {
    const metadata = { name: AGENT_SERVICE.name, namespace };
    const port = { name: AGENT_SERVICE.activator, port: activatorPort, protocol: "TCP" };
    const subsets = [{ addresses: [{ ip: AGENT_IP }], ports: [port] }];
    const put = async (kind: string, body: object): Promise<void> => {
      const all = `/api/v1/namespaces/${namespace}/${kind}`;
      await this.admin.send("DELETE", `${all}/${metadata.name}`);
      const { code } = await this.admin.send("POST", all, { metadata, ...body });
      if (code >= 300) throw new Error(`${kind} of the agent: ${code}`);
    };
    await put("services", { spec: { ports: [{ ...port, targetPort: activatorPort }] } });
    await put("endpoints", { subsets });
  }
}

/** An agent's driver in a region of its own. */
export class TestRegion {
  driver: KubernetesDriver;
  key = "the key of this region";
  readonly statuses: WorkloadStatus[] = [];
  readonly lines: WorkloadLine[] = [];
  readonly settings: KubernetesSettings;
  /** How often any of its agents has looked who may fall asleep. */
  rounds = 0;
  readonly #cluster: TestCluster;
  readonly #config: string;
  readonly #blobs = mkdtempSync(join(tmpdir(), "cloudify-blobs-"));

  private constructor(cluster: TestCluster, config: string, settings: KubernetesSettings) {
    this.#cluster = cluster;
    this.#config = config;
    this.settings = settings;
    this.driver = this.another();
  }

  static async start(
    cluster: TestCluster,
    namespace: string,
    more: Partial<KubernetesSettings> = {},
  ): Promise<TestRegion> {
    const config = await cluster.createRegion(namespace);
    const [bundlePort, activatorPort] = [await freePort(), await freePort()];
    await cluster.leadToAgent(namespace, activatorPort);
    const pod = [process.execPath, join(ROOT, "packages/agent/kubernetes/pod/main.ts")];
    const settings: KubernetesSettings = {
      region: "fra",
      namespace,
      image: "cloudify/agent:test",
      bundles: `http://127.0.0.1:${bundlePort}`,
      bundlePort,
      activatorPort,
      // Nothing falls asleep until a test says so.
      rest: { idleMs: Number.POSITIVE_INFINITY, askMs: 100, followMs: 300, tickMs: TICK_MS },
      ingress: null,
      ingressClass: "traefik",
      ingressNamespace: "kube-system",
      maxReplicas: 3,
      cpu: 4,
      buildMemoryMib: 4_096,
      reachable: [],
      commands: {
        files: [...pod, "files"],
        serve: [...pod, "serve"],
        health: [...pod, "health"],
        build: [...pod, "build"],
      },
      ...more,
    };
    const region = new TestRegion(cluster, config, settings);
    await region.begin();
    return region;
  }

  /** The last that was said of it. */
  said(deployment: string): WorkloadStatus | undefined {
    return this.statuses.findLast(({ id }) => id === `${deployment}.node`);
  }

  get events(): DriverEvents {
    return { onStatus: (status) => this.statuses.push(status), onLine: (line) => this.lines.push(line) };
  }

  begin(): Promise<void> {
    const fileOf = async (_team: string, sha256: string): Promise<string> => join(this.#blobs, sha256);
    return this.driver.start(() => this.key, { fileOf }, this.events);
  }

  /** A client with the agent's rights. */
  client(): Kube {
    return new Kube(this.#config);
  }

  /** Another agent with the same rights: a successor, or one that was thought dead. */
  another(settings: Partial<KubernetesSettings> = {}): KubernetesDriver {
    const hostOf = (podIP: string): string => this.#cluster.kubelet.hostOf(podIP);
    const real = systemClock();
    const wait = (milliseconds: number, signal?: AbortSignal): Promise<void> => {
      if (milliseconds === TICK_MS) this.rounds += 1;
      return real.wait(milliseconds, signal);
    };
    const seams = { clock: { ...real, wait }, random: Math.random, hostOf };
    return new KubernetesDriver(this.client(), { ...this.settings, ...settings }, seams);
  }

  async restart(): Promise<void> {
    await this.driver.stop();
    this.driver = this.another();
    await this.begin();
  }

  async stop(): Promise<void> {
    await this.driver.stop();
    rmSync(this.#blobs, { recursive: true, force: true });
  }

  file(text: string): WorkloadFile {
    const sha256 = createHash("sha256").update(text).digest("hex");
    writeFileSync(join(this.#blobs, sha256), text);
    return { sha256, size: Buffer.byteLength(text) };
  }

  /**
   * Goes the way of a request: Ingress → Service → Endpoints → pod. Traefik and the network of pods are played by this, so
   * what they would do with the objects is read from the objects: of an Ingress they hear at once.
   */
  async ask(deployment: string, path: string, key = this.key, init: RequestInit = {}): Promise<Response> {
    const asked = `${WORKLOAD_PREFIX}${deployment}/node${path}`;
    const way = await this.wayTo(asked);
    if (typeof way === "number") return new Response(null, { status: way });
    const headers = { [INGRESS_KEY_HEADER]: key };
    return fetch(`http://${way.host}:${way.port}${asked}`, { ...init, headers });
  }

  /** @returns Who is at its end; or what a proxy answers by itself when there is nobody. */
  async wayTo(asked: string): Promise<{ host: string; port: number } | number> {
    const { namespace } = this.settings;
    const list = await this.#cluster.get(`/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses`);
    const found = list.items
      .filter((one: Any) => one.spec.ingressClassName === "traefik")
      .flatMap((one: Any) => one.spec.rules.flatMap((rule: Any) => rule.http.paths))
      .find((one: Any) => asked.startsWith(one.path));
    if (!found) return 404;
    const { name, port } = found.backend.service;
    const endpoints = await this.#cluster.get(`/api/v1/namespaces/${namespace}/endpoints/${name}`);
    const subset = endpoints?.subsets?.[0];
    const at = subset?.ports.find((one: Any) => one.name === port.name);
    if (!at || !subset.addresses?.[0]) return 503;
    return { host: this.#cluster.kubelet.hostOf(subset.addresses[0].ip), port: at.port };
  }
}
