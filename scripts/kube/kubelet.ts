/**
 * Plays the one node and the scheduler: pods become processes of this machine, with their volumes, probes, restarts and
 * logs. Not played: images, confinement, limits, the network of pods and what policies say of it.
 */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, createServer as createNetServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Any, Api } from "./api.ts";
import type { ControlPlane } from "./control-plane.ts";
import { PodRun } from "./pod.ts";

const NODE = "node-0";
const CAPACITY = { cpu: "32", memory: "64Gi", pods: "500", "ephemeral-storage": "100Gi" };
const MAX_MEMORY_MIB = 64 * 1024;
const PATCH = "strategic-merge-patch+json";

export class Kubelet {
  readonly #api: Api;
  readonly #folder: string;
  readonly #runs = new Map<string, PodRun>();
  readonly #deleting = new Set<string>();
  readonly #ending = new AbortController();
  readonly #logs: ReturnType<typeof createServer>;
  #following: Promise<void> = Promise.resolve();
  #next = 1;
  /** The part of loopback that is this node's, and what holds it against other nodes of this machine. */
  #network = 0;
  #claim = createNetServer();

  private constructor(plane: ControlPlane) {
    this.#api = new Api(plane.server, plane.identity.tokens.controllers, plane.identity.authority);
    this.#folder = join(plane.folder, "pods");
    const identity = (name: string): Buffer => readFileSync(join(plane.identity.folder, name));
    const tls = { key: identity("server.key"), cert: identity("server.crt") };
    this.#logs = createServer(tls, (req, res) => this.#log(req, res));
  }

  static async start(plane: ControlPlane): Promise<Kubelet> {
    const kubelet = new Kubelet(plane);
    await once(kubelet.#logs.listen(0, "127.0.0.1"), "listening");
    await kubelet.#claimNetwork();
    await kubelet.#join();
    kubelet.#following = kubelet.#follow();
    return kubelet;
  }

  /** Where the processes of a pod listen, by the address that the API server knows. */
  hostOf(podIP: string): string {
    return podIP.replace("10.42.", `127.${this.#network}.`);
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#following;
    await Promise.all([...this.#runs.values()].map((run) => run.end(0)));
    this.#claim.close();
    this.#logs.close();
    this.#logs.closeAllConnections();
    this.#api.close();
  }

  async #claimNetwork(): Promise<void> {
    for (;;) {
      this.#network = 1 + randomInt(254);
      const claimed = once(this.#claim.listen(9, `127.${this.#network}.255.254`), "listening");
      const isFree = await claimed.then(
        () => true,
        () => false,
      );
      if (isFree) return;
    }
  }

  async #join(): Promise<void> {
    const Port = (this.#logs.address() as AddressInfo).port;
    const metadata = { name: NODE, labels: { "kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux" } };
    await this.#api.send("POST", "/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata });
    const status = {
      capacity: CAPACITY,
      allocatable: CAPACITY,
      conditions: [{ type: "Ready", status: "True" }],
      addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
      daemonEndpoints: { kubeletEndpoint: { Port } },
    };
    await this.#api.send("PATCH", `/api/v1/nodes/${NODE}/status`, { status }, PATCH);
    await this.#api.send("PATCH", `/api/v1/nodes/${NODE}`, { spec: { taints: null } }, PATCH);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        const { code, body } = await this.#api.send("GET", "/api/v1/pods");
        if (code !== 200) throw new Error(`${code}`);
        for (const pod of body.items) this.#take(pod);
        const from = `watch=true&resourceVersion=${body.metadata.resourceVersion}`;
        for await (const { type, object } of this.#api.watch(`/api/v1/pods?${from}`, signal)) {
          if (type === "ADDED" || type === "MODIFIED") this.#take(object);
          else if (type === "DELETED") void this.#runs.get(object.metadata.uid)?.end(0);
        }
      } catch {
        await pause(200, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #take(pod: Any): void {
    const { uid, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp) void this.#remove(pod);
    else if (!pod.spec.nodeName) void this.#bind(pod);
    else if (!this.#runs.has(uid) && !["Succeeded", "Failed"].includes(pod.status.phase)) this.#start(pod);
  }

  #start(pod: Any): void {
    const { uid } = pod.metadata;
    const at = this.#next++;
    const tail = `${at >> 8}.${at & 255 || 1}`;
    const folder = join(this.#folder, uid);
    mkdirSync(folder, { recursive: true });
    const podIP = `10.42.${tail}`;
    const place = { api: this.#api, folder, host: this.hostOf(podIP), podIP };
    this.#runs.set(uid, new PodRun(pod, place));
  }

  /** An unbound pod is gone at once; a bound one when its node says so. */
  async #remove(pod: Any): Promise<void> {
    const { name, namespace, uid, deletionGracePeriodSeconds } = pod.metadata;
    if (!pod.spec.nodeName || this.#deleting.has(uid)) return;
    this.#deleting.add(uid);
    await this.#runs.get(uid)?.end(deletionGracePeriodSeconds ?? 30);
    const options = { gracePeriodSeconds: 0, preconditions: { uid } };
    for (let isGone = false; !isGone && !this.#ending.signal.aborted; ) {
      const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
      isGone = await this.#api.send("DELETE", path, options).then(
        ({ code }) => code < 500,
        () => false,
      );
      if (!isGone) await pause(200);
    }
  }

  /** Any node would do, if it had the room. */
  async #bind(pod: Any): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    const asked = pod.spec.containers.map((one: Any) =>
      Number.parseInt(one.resources?.requests?.memory ?? "0", 10),
    );
    if (Math.max(...asked) > MAX_MEMORY_MIB) {
      const unschedulable = { type: "PodScheduled", status: "False", reason: "Unschedulable" };
      const message = "0/1 nodes are available: 1 Insufficient memory.";
      const status = { conditions: [{ ...unschedulable, message }] };
      const isKnown = pod.status.conditions?.some((one: Any) => one.reason === "Unschedulable");
      if (!isKnown) await this.#api.send("PATCH", `${path}/status`, { status }, PATCH);
      return;
    }
    const target = { apiVersion: "v1", kind: "Node", name: NODE };
    const binding = { apiVersion: "v1", kind: "Binding", metadata: { name, uid }, target };
    await this.#api.send("POST", `${path}/binding`, binding).catch(() => undefined);
  }

  /** `GET /containerLogs/<namespace>/<pod>/<container>`, which the API server asks for a reader of logs. */
  #log(req: IncomingMessage, res: ServerResponse): void {
    const url = new URL(req.url ?? "/", "https://node");
    const [, , , pod = "", name = ""] = url.pathname.split("/");
    const run = [...this.#runs.values()].findLast((one) => one.pod.metadata.name === pod);
    const printed = run?.containers.get(name)?.printed;
    if (!printed) {
      res.writeHead(400).end(`container "${name}" in pod "${pod}" is waiting to start\n`);
      return;
    }
    const since = url.searchParams.get("sinceTime") ?? "";
    const write = (line: string): void => {
      if (line >= since) res.write(`${line}\n`);
    };
    res.writeHead(200, { "content-type": "text/plain" });
    res.flushHeaders();
    for (const line of printed.lines) write(line);
    if (printed.isOver || url.searchParams.get("follow") !== "true") {
      res.end();
      return;
    }
    const end = (): void => void res.end();
    printed.on("line", write).once("end", end);
    res.once("close", () => printed.off("line", write).off("end", end));
  }
}
