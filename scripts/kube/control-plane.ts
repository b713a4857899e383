/**
 * A real control plane of Kubernetes (etcd, kube-apiserver, kube-controller-manager) on loopback, for tests: build.sh
 * makes the programs. It has no kubelet and no network of pods; kubelet.ts plays the one node.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createIdentity, type Identity, kubeconfig } from "./identity.ts";

const BUILD = fileURLToPath(new URL("build.sh", import.meta.url));
const READY_MS = 60_000;
/** Node fakes its heartbeats, there is no cloud, and nobody asks for certificates. */
const CONTROLLERS =
  "*,-nodeipam,-nodelifecycle,-route,-service,-attachdetach,-csrsigning,-csrapproving,-csrcleaner";

export class ControlPlane {
  readonly folder: string;
  readonly server: string;
  readonly identity: Identity;
  readonly #programs: string;
  readonly #ports: Record<"etcd" | "peers" | "api" | "controllers", number>;
  readonly #running = new Map<string, ChildProcess>();

  private constructor(programs: string, ports: readonly number[]) {
    this.folder = mkdtempSync(join(tmpdir(), "cloudify-kube-"));
    this.identity = createIdentity(join(this.folder, "identity"));
    this.#programs = programs;
    const [etcd = 0, peers = 0, api = 0, controllers = 0] = ports;
    this.#ports = { etcd, peers, api, controllers };
    this.server = `https://127.0.0.1:${api}`;
  }

  /** @throws When a server ends or is not ready in a minute; with the end of what they said. */
  static async start(): Promise<ControlPlane> {
    const programs = execFileSync(BUILD, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
    const plane = new ControlPlane(programs, await freePorts(4));
    try {
      plane.#startEtcd();
      await plane.startServer();
      plane.#startControllers();
      await plane.#until("/api/v1/namespaces/default/serviceaccounts/default");
      return plane;
    } catch (error) {
      const said = plane.#said();
      await plane.stop();
      throw new Error(`the control plane did not start:\n${said}`, { cause: error });
    }
  }

  /** Path of a kubeconfig for a bearer token. */
  configFor(name: string, token: string, namespace?: string): string {
    const path = join(this.folder, `${name}.kubeconfig`);
    const config = kubeconfig(this.server, this.identity.authority, token, namespace);
    writeFileSync(path, config, { mode: 0o600 });
    return path;
  }

  /** @throws With what it said when it fails. */
  kubectl(...words: string[]): string {
    const config = this.configFor("admin", this.identity.tokens.admin);
    const env = { ...process.env, KUBECONFIG: config, HOME: this.folder };
    return execFileSync(join(this.#programs, "kubectl"), words, {
      encoding: "utf8",
      env,
      maxBuffer: 2 ** 26,
    });
  }

  async startServer(): Promise<void> {
    const at = (name: string): string => join(this.identity.folder, name);
    this.#start("kube-apiserver", [
      `--etcd-servers=http://127.0.0.1:${this.#ports.etcd}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${this.#ports.api}`,
      "--insecure-port=0",
      // A loopback address is refused here, and a sandbox may have no other.
      "--advertise-address=192.0.2.1",
      "--endpoint-reconciler-type=none",
      `--tls-cert-file=${at("server.crt")}`,
      `--tls-private-key-file=${at("server.key")}`,
      `--client-ca-file=${at("ca.crt")}`,
      `--token-auth-file=${at("tokens.csv")}`,
      "--authorization-mode=Node,RBAC",
      "--enable-admission-plugins=NodeRestriction",
      "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
      `--service-account-key-file=${at("accounts.pub")}`,
      `--service-account-signing-key-file=${at("accounts.key")}`,
      "--service-cluster-ip-range=10.43.0.0/16",
      "--kubelet-preferred-address-types=InternalIP",
      // Off by default in this release only.
      "--feature-gates=TTLAfterFinished=true",
      "--profiling=false",
    ]);
    await this.#until("/readyz");
  }

  /** As an outage: watches break, calls are refused. */
  stopServer(): Promise<void> {
    return this.#end("kube-apiserver", "SIGKILL");
  }

  async stop(): Promise<void> {
    for (const name of ["kube-controller-manager", "kube-apiserver", "etcd"])
      await this.#end(name, "SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  #startEtcd(): void {
    const client = `http://127.0.0.1:${this.#ports.etcd}`;
    const peer = `http://127.0.0.1:${this.#ports.peers}`;
    this.#start("etcd", [
      "--name=tests",
      `--data-dir=${join(this.folder, "etcd")}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=tests=${peer}`,
      "--log-level=error",
      "--logger=zap",
      "--unsafe-no-fsync",
    ]);
  }

  #startControllers(): void {
    this.#start("kube-controller-manager", [
      `--kubeconfig=${this.configFor("controllers", this.identity.tokens.controllers)}`,
      "--leader-elect=false",
      "--bind-address=127.0.0.1",
      `--secure-port=${this.#ports.controllers}`,
      "--port=0",
      `--cert-dir=${join(this.folder, "controllers")}`,
      "--authentication-skip-lookup=true",
      `--service-account-private-key-file=${join(this.identity.folder, "accounts.key")}`,
      `--root-ca-file=${join(this.identity.folder, "ca.crt")}`,
      `--controllers=${CONTROLLERS}`,
      "--feature-gates=TTLAfterFinished=true",
      "--kube-api-qps=300",
      "--kube-api-burst=600",
      "--profiling=false",
    ]);
  }

  /** The servers end with this process, even when it is killed. */
  #start(name: string, flags: readonly string[]): void {
    const log = openSync(join(this.folder, `${name}.log`), "a");
    const words = ["--pdeathsig", "KILL", "--", join(this.#programs, name), ...flags];
    this.#running.set(name, spawn("setpriv", words, { stdio: ["ignore", log, log] }));
    closeSync(log);
  }

  async #end(name: string, signal: NodeJS.Signals): Promise<void> {
    const child = this.#running.get(name);
    this.#running.delete(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  async #until(path: string): Promise<void> {
    const end = Date.now() + READY_MS;
    while (!(await this.#answers(path))) {
      const lost = [...this.#running].find(([, child]) => child.exitCode !== null);
      if (lost) throw new Error(`${lost[0]} ended by itself`);
      if (Date.now() > end) throw new Error(`${path} was not answered in time`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #answers(path: string): Promise<boolean> {
    const headers = { authorization: `Bearer ${this.identity.tokens.admin}` };
    return new Promise((resolve) => {
      const options = { ca: this.identity.authority, headers, agent: false };
      const asked = request(this.server + path, options, (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      });
      asked.on("error", () => resolve(false));
      asked.end();
    });
  }

  #said(): string {
    const names = [...this.#running.keys()];
    return names
      .map((name) => readFileSync(join(this.folder, `${name}.log`), "utf8").slice(-2_000))
      .join("\n");
  }
}

/** Held all at once, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
