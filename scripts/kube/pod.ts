/** A pod's life, played on this machine: volumes as folders, containers as processes, probes as they are. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Any, Api } from "./api.ts";
import { Container, type ContainerEnd } from "./container.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const FIRST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 2_000;
const SECRET_MS = 500;
const now = (): string => new Date().toISOString().replace(/\.\d+/, "");

export interface Place {
  api: Api;
  folder: string;
  /** Where its processes listen. */
  host: string;
  /** What the API server is told: an Endpoint must not be of loopback. */
  podIP: string;
}

export class PodRun {
  readonly pod: Any;
  /** The newest run of each container. */
  readonly containers = new Map<string, Container>();
  readonly #place: Place;
  readonly #statuses = new Map<string, Any>();
  readonly #ending = new AbortController();
  readonly #startedAt = now();
  #phase = "Pending";
  #isReady = false;
  #isInitialized = false;
  #report: Promise<void> = Promise.resolve();
  #life: Promise<void>;

  constructor(pod: Any, place: Place) {
    this.pod = pod;
    this.#place = place;
    this.#life = this.#run().catch((error: Error) => {
      if (!this.#ending.signal.aborted) console.error(`kubelet: ${pod.metadata.name}: ${error.stack}`);
    });
  }

  /** Hooks, SIGTERM, SIGKILL; resolves when nothing is left. */
  async end(graceSeconds: number): Promise<void> {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort();
    const hooks = this.pod.spec.containers.map(async ({ name, lifecycle }: Any) => {
      const container = this.containers.get(name);
      const command = lifecycle?.preStop?.exec?.command;
      if (!container || container.printed.isOver) return;
      if (command) await Promise.race([container.exec(command), container.ended]);
      await container.stop(graceSeconds * 1_000);
    });
    for (const { name } of this.pod.spec.initContainers ?? []) await this.containers.get(name)?.stop(0);
    await Promise.all(hooks);
    await this.#life;
    await this.#report;
    rmSync(this.#place.folder, { recursive: true, force: true });
  }

  get #signal(): AbortSignal {
    return this.#ending.signal;
  }

  async #run(): Promise<void> {
    const { initContainers = [], containers } = this.pod.spec;
    for (const one of [...initContainers, ...containers])
      this.#note(one.name, { waiting: { reason: "PodInitializing" } });
    // Nothing is pulled: that an image can't be had is played by its name.
    if (/missing/.test(containers[0].image)) {
      const message = `Back-off pulling image "${containers[0].image}"`;
      this.#note(containers[0].name, { waiting: { reason: "ImagePullBackOff", message } });
      await this.#event("Failed", `Failed to pull image "${containers[0].image}": not found`);
      return;
    }
    await this.#volumes();
    for (const one of initContainers) if (!(await this.#untilDone(one, true))) return;
    this.#isInitialized = true;
    this.#phase = "Running";
    await Promise.all(containers.map((one: Any) => this.#untilDone(one, false)));
  }

  /** @returns Whether it ended well. */
  async #untilDone(spec: Any, isInit: boolean): Promise<boolean> {
    const policy = this.pod.spec.restartPolicy;
    for (let restarts = 0; !this.#signal.aborted; restarts++) {
      const container = new Container(
        this.#rewritten(spec.command),
        this.#envOf(spec),
        this.#place.folder,
        this.#saying(spec.name),
      );
      this.containers.set(spec.name, container);
      const last = this.#statuses.get(spec.name)?.lastState ?? {};
      this.#note(
        spec.name,
        { running: { startedAt: container.startedAt } },
        restarts,
        last,
        !spec.startupProbe,
      );
      const probing = new AbortController();
      const stop = AbortSignal.any([probing.signal, this.#signal]);
      if (!isInit) void this.#probe(spec, container, restarts, last, stop);
      const end = await container.ended;
      probing.abort();
      const isOver = isInit
        ? end.exitCode === 0
        : policy === "Never" || (policy === "OnFailure" && end.exitCode === 0);
      if (isOver || this.#signal.aborted) {
        if (!isInit && policy !== "Always") this.#phase = end.exitCode === 0 ? "Succeeded" : "Failed";
        this.#note(spec.name, { terminated: end }, restarts, last);
        return end.exitCode === 0;
      }
      await this.#backOff(spec.name, end, restarts);
    }
    return false;
  }

  async #backOff(name: string, end: ContainerEnd, restarts: number): Promise<void> {
    const message = `back-off restarting failed container ${name}`;
    const waiting = { reason: "CrashLoopBackOff", message };
    this.#note(name, { waiting }, restarts, { terminated: end });
    await this.#event("BackOff", message);
    const wait = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** restarts);
    await pause(wait, undefined, { signal: this.#signal }).catch(() => undefined);
    this.#statuses.get(name).lastState = { terminated: end };
  }

  /** Startup first, then readiness and liveness, each in its own beat. */
  async #probe(
    spec: Any,
    container: Container,
    restarts: number,
    last: Any,
    stop: AbortSignal,
  ): Promise<void> {
    const set = (isReady: boolean): void => {
      if (stop.aborted || this.#statuses.get(spec.name)?.ready === isReady) return;
      this.#note(spec.name, { running: { startedAt: container.startedAt } }, restarts, last, isReady);
    };
    const rounds = async (probe: Any, act: (isGood: boolean, misses: number) => boolean): Promise<void> => {
      for (let misses = 0; !stop.aborted; ) {
        const isGood = await this.#answers(probe);
        misses = isGood ? 0 : misses + 1;
        if (act(isGood, misses)) return;
        await pause((probe.periodSeconds ?? 10) * 1_000, undefined, { signal: stop }).catch(() => undefined);
      }
    };
    const { startupProbe, readinessProbe, livenessProbe } = spec;
    const isLost = (probe: Any, misses: number): boolean => {
      if (misses < (probe.failureThreshold ?? 3)) return false;
      void container.stop(1_000);
      return true;
    };
    if (startupProbe) await rounds(startupProbe, (isGood, misses) => isGood || isLost(startupProbe, misses));
    if (readinessProbe) {
      void rounds(readinessProbe, (isGood, misses) => {
        if (isGood) set(true);
        else if (misses >= (readinessProbe.failureThreshold ?? 3)) set(false);
        return false;
      });
    } else set(true);
    if (livenessProbe)
      void rounds(livenessProbe, (isGood, misses) => !isGood && isLost(livenessProbe, misses));
  }

  #answers({ httpGet, timeoutSeconds = 1 }: Any): Promise<boolean> {
    const { host } = this.#place;
    return new Promise((resolve) => {
      const asked = get(
        { host, port: httpGet.port, path: httpGet.path, timeout: timeoutSeconds * 1_000, agent: false },
        (answer) => {
          answer.resume();
          resolve((answer.statusCode ?? 500) < 400);
        },
      );
      asked.on("timeout", () => asked.destroy());
      asked.on("error", () => resolve(false));
    });
  }

  async #volumes(): Promise<void> {
    for (const { name, secret } of this.pod.spec.volumes ?? []) {
      const folder = join(this.#place.folder, name);
      mkdirSync(folder, { recursive: true });
      // As a kubelet does: the pod waits for what it mounts, and sees what becomes of it.
      while (secret && !(await this.#fillSecret(secret.secretName, folder))) {
        await pause(SECRET_MS, undefined, { signal: this.#signal });
      }
      if (secret) void this.#refresh(secret.secretName, folder);
    }
  }

  async #refresh(name: string, folder: string): Promise<void> {
    while (!this.#signal.aborted) {
      await pause(SECRET_MS, undefined, { signal: this.#signal }).catch(() => undefined);
      if (!this.#signal.aborted) await this.#fillSecret(name, folder).catch(() => false);
    }
  }

  async #fillSecret(name: string, folder: string): Promise<boolean> {
    const { namespace } = this.pod.metadata;
    const { code, body } = await this.#place.api.send(
      "GET",
      `/api/v1/namespaces/${namespace}/secrets/${name}`,
    );
    if (code !== 200) return false;
    for (const [key, value] of Object.entries<string>(body.data ?? {})) {
      // Whole at every moment, as a real one's: it is read while it is written.
      const draft = join(folder, `.${key}.next`);
      writeFileSync(draft, Buffer.from(value, "base64"), { mode: 0o600 });
      renameSync(draft, join(folder, key));
    }
    return true;
  }

  /** A path in the container is a folder of ours, but for what its image would bring: this repository, also below /tmp. */
  #rewritten<T extends string | string[]>(value: T): T {
    if (typeof value !== "string") return value.map((one) => this.#rewritten(one)) as T;
    if (value.startsWith(ROOT)) return value;
    for (const { volumeMounts = [] } of [
      ...(this.pod.spec.initContainers ?? []),
      ...this.pod.spec.containers,
    ]) {
      for (const { name, mountPath } of volumeMounts) {
        if (value === mountPath || value.startsWith(`${mountPath}/`)) {
          return join(this.#place.folder, name, value.slice(mountPath.length)) as T;
        }
      }
    }
    return value;
  }

  /** Of its `terminationMessagePath`. */
  #saying(container: string): string {
    return join(this.#place.folder, `${container}.termination`);
  }

  #envOf({ name: container, terminationMessagePath, env = [] }: Any): Record<string, string> {
    const fields: Record<string, string> = { "status.podIP": this.#place.host };
    const given = env.map(({ name, value, valueFrom }: Any) => [
      name,
      value !== undefined && value === terminationMessagePath
        ? this.#saying(container)
        : this.#rewritten(String(value ?? fields[valueFrom?.fieldRef?.fieldPath] ?? "")),
    ]);
    return { PATH: process.env.PATH ?? "", TMPDIR: this.#place.folder, ...Object.fromEntries(given) };
  }

  #note(name: string, state: Any, restartCount = 0, lastState: Any = {}, ready = false): void {
    this.#statuses.set(name, { name, state, lastState, restartCount, ready });
    const names = new Set(this.pod.spec.containers.map((one: Any) => one.name));
    const all = [...this.#statuses.values()];
    this.#isReady =
      all.filter((one) => names.has(one.name)).every((one) => one.ready) && this.#phase === "Running";
    this.#report = this.#report.then(() => this.#send());
  }

  async #send(): Promise<void> {
    const { name, namespace, uid } = this.pod.metadata;
    const { initContainers = [], containers } = this.pod.spec;
    const states = (specs: Any[]): Any[] =>
      specs.flatMap((spec) => {
        const status = this.#statuses.get(spec.name);
        return status ? [{ ...status, image: spec.image, imageID: "", started: status.ready }] : [];
      });
    const condition = (type: string, is: boolean): Any => ({
      type,
      status: is ? "True" : "False",
      lastTransitionTime: now(),
    });
    const status = {
      phase: this.#phase,
      hostIP: "192.0.2.10",
      podIP: this.#place.podIP,
      podIPs: [{ ip: this.#place.podIP }],
      startTime: this.#startedAt,
      conditions: [
        condition("Initialized", this.#isInitialized),
        condition("Ready", this.#isReady),
        condition("ContainersReady", this.#isReady),
        condition("PodScheduled", true),
      ],
      initContainerStatuses: states(initContainers),
      containerStatuses: states(containers),
    };
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
    const body = { metadata: { uid }, status };
    // As a kubelet does: what it knows is told, sooner or later.
    for (let tries = 0; tries < 100; tries++) {
      const answer = await this.#place.api
        .send("PATCH", path, body, "strategic-merge-patch+json")
        .catch(() => null);
      if (answer && (answer.code < 300 || answer.code === 404)) return;
      await pause(100);
    }
  }

  async #event(reason: string, message: string): Promise<void> {
    const { name, namespace, uid } = this.pod.metadata;
    const event = {
      metadata: { generateName: `${name}.` },
      involvedObject: { apiVersion: "v1", kind: "Pod", name, namespace, uid },
      type: "Warning",
      reason,
      message,
      firstTimestamp: now(),
      lastTimestamp: now(),
      count: 1,
      source: { component: "kubelet" },
    };
    await this.#place.api
      .send("POST", `/api/v1/namespaces/${namespace}/events`, event)
      .catch(() => undefined);
  }
}
