/**
 * Serves one workload: the process driver, with nothing else to run. Its ingress asks for the region's key and takes the
 * prefix off; how programs are started, confined, redacted and drained is the same as on a machine of one's own. Only that
 * an end of the program is the pod's end: Kubernetes counts it, puts the next start off, and says so.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import type { WorkloadMaterial, WorkloadStatus } from "@cloudify/protocol";
import { systemClock } from "../../clock.ts";
import { ProcessDriver } from "../../process/index.ts";
import { POD, POD_ENV, type PodEnd } from "../pod-contract.ts";
import { type Env, need, print } from "./exchange.ts";

/** What Kubernetes gives a pod to finish is more than this. */
const DRAIN_MS = 25_000;
/** A Secret reaches its pods within about a minute. */
const KEY_MS = 2_000;
const ENDS = ["Crashed", "OutOfMemory", "Unresponsive", "NotListening"];

export async function serve(env: Env, runtime: string): Promise<void> {
  const [files, secret] = [need(env, POD_ENV.files), need(env, POD_ENV.secret)];
  const host = need(env, POD_ENV.host);
  const read = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, "utf8"));
  const own = (await read(join(secret, POD.material))) as Omit<WorkloadMaterial, "spec" | "generation">;
  const spec = (await read(join(files, POD.spec))) as WorkloadMaterial["spec"];
  const material = { ...own, spec, generation: 0 };
  let status: WorkloadStatus | null = null;
  let isEnding = false;
  const driver = new ProcessDriver({
    home: join(need(env, POD_ENV.work), "driver"),
    region: need(env, POD_ENV.region),
    host,
    port: POD.port,
    origin: null,
    node: process.execPath,
    runtime,
    // It builds nothing.
    build: "",
    buildMemoryBytes: 0,
    clock: systemClock(),
    random: Math.random,
    // How many instances there are is the autoscaler's to say, and when there are none the agent's.
    idleMs: Number.POSITIVE_INFINITY,
    drainMs: DRAIN_MS,
  });
  const end = (code: number): void => {
    isEnding = true;
    void driver.stop().finally(() => process.exit(code));
  };
  const blobs = { fileOf: async (_team: string, sha256: string) => join(files, sha256) };
  await driver.start(keyIn(join(secret, POD.ingressKey)), blobs, {
    onLine: ({ function: name, level, text }) => print({ function: name, level, text }),
    onStatus: (next) => {
      status = next;
      if (!ENDS.includes(next.reason) || isEnding) return;
      const said: PodEnd = { reason: next.reason, detail: next.detail };
      writeFileSync(need(env, POD_ENV.termination), JSON.stringify(said));
      end(1);
    },
  });
  answerProbes(host, {
    isReady: () => !isEnding && status?.ready === "true",
    idleMs: () => Math.floor(driver.idleMsOf(material.id)),
  });
  process.once("SIGTERM", () => end(0));
  const stamp = { epoch: 0, generation: 0 };
  const wish = { id: material.id, stamp, isWarm: true, material };
  const applied = await driver.apply(wish, new AbortController().signal);
  if (!applied.ok) throw new Error(applied.detail);
}

/** Looked at again now and then: the key may be exchanged while we run. */
function keyIn(path: string): () => string {
  let key = readFileSync(path, "utf8");
  setInterval(() => {
    key = readFileSync(path, "utf8");
  }, KEY_MS).unref();
  return () => key;
}

function answerProbes(host: string, on: { isReady(): boolean; idleMs(): number }): void {
  const server = createServer((req, res) => {
    if (req.url === POD.idlePath) return void res.end(String(on.idleMs()));
    const is = req.url === "/live" || (req.url === "/ready" && on.isReady());
    res.writeHead(is ? 200 : 503).end();
  });
  server.listen(POD.probePort, host);
}
