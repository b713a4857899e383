/**
 * A control plane in memory, behind a real HTTP server: what an agent may expect of the protocol, and nothing of how the
 * platform keeps it. Tests play the platform through its fields: they desire, bury, offer, and cut it off.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type AgentLine,
  type BuildTask,
  type Change,
  type Desired,
  digestText,
  type LeaseAnswer,
  type LeaseRequest,
  type LogRequest,
  NO_BUILD_SETTINGS,
  type StatusReport,
  type TaskResult,
  type WorkloadMaterial,
  type WorkloadSpec,
  type WorkloadStatus,
} from "@cloudify/protocol";

export const INGRESS_KEY = "ingress-key-of-the-region";
export const TOKEN = "cfyr_token";

type Reply = [status: number, body: unknown];
const problem = (status: number, code: string, more: object = {}): Reply => [
  status,
  { code, status, title: code, detail: `It says ${code}.`, ...more },
];
const sha256 = (bytes: string | Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** Digest → bytes of a pack's files. */
async function unpacked({ headers }: IncomingMessage, bytes: Buffer): Promise<[string, Buffer][]> {
  const message = new Response(new Uint8Array(bytes), {
    headers: { "content-type": headers["content-type"] ?? "" },
  });
  const parts = [...(await message.formData())].map(
    async ([name, part]): Promise<[string, Buffer]> => [
      name,
      Buffer.from(await (part as File).arrayBuffer()),
    ],
  );
  return Promise.all(parts);
}

export async function startControlPlane(ttlMs = 15_000, renewMs = 500) {
  const blobs = new Map<string, Buffer>();
  const items = new Map<string, Desired>();
  const materials = new Map<string, WorkloadMaterial>();
  const changes: Change[] = [];
  const buried = new Map<string, number>();
  const statuses = new Map<string, WorkloadStatus>();
  const lines = new Map<string, AgentLine[]>();
  const leases: LeaseRequest[] = [];
  const queue: BuildTask[] = [];
  const results: { id: string; attempt: number; result: TaskResult }[] = [];
  const environments = new Map<string, { env: Record<string, string>; secrets: string[] }>();
  const waiting = new Set<() => void>();
  let held: { holder: string; bootId: string; until: number } | null = null;
  let credentials = 0;
  let valid: string[] = [];

  const plane = {
    epoch: 0,
    /** Answers nothing: sockets are cut. */
    isOff: false,
    rotates: false,
    /** Tasks that nobody wants any more. */
    over: new Set<string>(),
    /** Instead of the true snapshot. */
    lie: null as null | (() => unknown),
    statuses,
    lines,
    leases,
    results,
    blobs,
    url: "",
    store(text: string | Buffer): { sha256: string; size: number } {
      const bytes = Buffer.from(text);
      blobs.set(sha256(bytes), bytes);
      return { sha256: sha256(bytes), size: bytes.length };
    },
    desire(deployment: string, run: WorkloadSpec["run"], files: Record<string, string>, env = {}): void {
      const stored = Object.fromEntries(
        Object.entries(files).map(([path, text]) => [path, plane.store(text)]),
      );
      const spec: WorkloadSpec = { v: 1, group: "node", node: 24, memory: 128, run, files: stored };
      const generation = changes.length + 1;
      const about = { id: `${deployment}.node`, generation, team: "team1", project: "prj1", deployment };
      const item: Desired = { ...about, spec: sha256(JSON.stringify(spec)), env: "", isWarm: true };
      items.set(item.id, item);
      buried.delete(item.id);
      materials.set(item.id, { ...about, spec, env, secrets: Object.keys(env) });
      changes.push({ cursor: generation, type: "put", item });
      plane.wake();
    },
    bury(deployment: string): void {
      const id = `${deployment}.node`;
      items.delete(id);
      buried.set(id, changes.length + 1);
      changes.push({ cursor: changes.length + 1, type: "tombstone", id });
      plane.wake();
    },
    offer(task: Partial<BuildTask> & Pick<BuildTask, "deployment" | "source">, env = {}): void {
      const settings = NO_BUILD_SETTINGS;
      const about = { kind: "build", id: `build.${task.deployment}`, attempt: 1, team: "team1" } as const;
      const rest = {
        project: "prj1",
        projectName: "p",
        target: "production",
        branch: null,
        url: "p.localhost",
      };
      queue.push({ ...about, ...rest, settings, limitMs: 60_000, ...task });
      environments.set(about.id, { env, secrets: Object.keys(env) });
      plane.wake();
    },
    wake(): void {
      for (const wake of waiting) wake();
    },
    /** Another process acts for the region from here on. */
    usurp(): void {
      plane.epoch += 1;
      held = { holder: "another", bootId: "another", until: Date.now() + ttlMs };
    },
    release(): void {
      held = null;
    },
    revoke(): void {
      valid = [];
    },
    get digest(): string {
      return sha256(digestText(items.values()));
    },
    get cursor(): number {
      return changes.length;
    },
    async stop(): Promise<void> {
      plane.isOff = true;
      plane.wake();
      server.close();
      server.closeAllConnections();
    },
  };

  const until = async <T>(waitMs: number, look: () => T | null): Promise<T | null> => {
    const end = Date.now() + waitMs;
    for (let found = look(); ; found = look()) {
      if (found !== null || Date.now() >= end || plane.isOff) return found;
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, Math.min(200, end - Date.now()));
        waiting.add(wake);
      });
    }
  };
  const fence = (epoch: unknown): Reply | null =>
    Number(epoch) === plane.epoch && held?.holder !== "another"
      ? null
      : problem(409, "fenced", { epoch: plane.epoch });

  const lease = (request: LeaseRequest, credential: string): Reply => {
    leases.push(request);
    const isOthers = held !== null && held.until > Date.now() && held.holder !== request.holder;
    if (request.epoch === null) {
      if (isOthers) return problem(409, "leased", { retryAfterMs: 300 });
      plane.epoch += 1;
    } else if (isOthers || request.epoch !== plane.epoch)
      return problem(409, "fenced", { epoch: plane.epoch });
    held = { holder: request.holder, bootId: request.bootId, until: Date.now() + ttlMs };
    // The one in use ends with the first call that uses the next.
    valid = plane.rotates ? [credential, `cfya_${++credentials}`] : [credential];
    const answer: LeaseAnswer = {
      epoch: plane.epoch,
      protocol: 1,
      ttlMs,
      renewMs,
      now: Date.now(),
      isDraining: false,
      credential: plane.rotates ? (valid[1] ?? null) : null,
      ingressKey: INGRESS_KEY,
      feed: { cursor: plane.cursor, digest: plane.digest },
    };
    return [200, answer];
  };

  const feed = async (query: URLSearchParams): Promise<Reply> => {
    const after = Number(query.get("after"));
    const waitMs = Number(query.get("waitMs"));
    await until(waitMs, () => (after !== plane.cursor || fence(query.get("epoch")) ? true : null));
    const refused = fence(query.get("epoch"));
    if (refused) return refused;
    if (plane.lie) return [200, plane.lie()];
    const { cursor, digest } = plane;
    if (after > 0 && after <= cursor)
      return [200, { kind: "changes", cursor, digest, changes: changes.slice(after) }];
    const tombstones = [...buried].map(([id, generation]) => ({ id, generation }));
    return [200, { kind: "snapshot", cursor, digest, items: [...items.values()], tombstones }];
  };

  const answer = async (req: IncomingMessage, bytes: Buffer): Promise<Reply | Buffer> => {
    const { pathname, searchParams } = new URL(req.url ?? "", "http://x");
    const bearer = req.headers.authorization?.slice("Bearer ".length) ?? "";
    const path = pathname.slice("/agent/v1/".length);
    // biome-ignore lint/suspicious/noExplicitAny: each call has its own.
    const body: any = bytes.length > 0 && req.method === "POST" ? JSON.parse(bytes.toString()) : null;
    if (path === "exchange") {
      if (bearer !== TOKEN) return problem(401, "unauthenticated");
      valid = [`cfya_${++credentials}`];
      return [200, { region: "rgn1", name: "fra", credential: valid[0] }];
    }
    if (!valid.includes(bearer)) return problem(401, "unauthenticated");
    if (bearer === valid[1]) valid = [bearer];
    if (path === "lease") return lease(body as LeaseRequest, bearer);
    if (path === "feed") return feed(searchParams);
    const [kind, id = "", call, digest = ""] = path.split("/").map(decodeURIComponent);
    if (kind === "workloads") return materials.has(id) ? [200, materials.get(id)] : problem(404, "not_found");
    if (kind === "blobs") return blobs.get(call ?? "") ?? problem(404, "not_found");
    const refused = fence(body?.epoch ?? searchParams.get("epoch"));
    if (refused) return refused;
    if (kind === "status") {
      const report = body as StatusReport;
      if (report.isFull) statuses.clear();
      for (const item of report.items) statuses.set(item.id, item);
      return [200, {}];
    }
    if (kind === "logs") {
      for (const { deployment, lines: told } of (body as LogRequest).chunks) {
        const all = lines.get(deployment) ?? [];
        const last = (stream: string) => all.findLast((line) => line.stream === stream)?.n ?? 0;
        for (const line of told) if (line.n > last(line.stream)) all.push(line);
        lines.set(deployment, all);
      }
      return [200, {}];
    }
    if (id === "claim") {
      const found = await until(body.waitMs, () => (queue.length > 0 ? true : null));
      return fence(body.epoch) ?? [200, { tasks: found ? queue.splice(0, body.max) : [] }];
    }
    switch (call) {
      case "heartbeat":
        return [200, { isOver: plane.over.has(id) }];
      case "environment":
        return [200, environments.get(id)];
      case "complete":
        results.push({ id, attempt: body.attempt, result: body.result });
        return [200, { isAccepted: true }];
      case "blobs":
        if (req.method === "POST") return [200, (body as string[]).filter((one) => !blobs.has(one))];
        for (const [name, one] of digest === "" ? await unpacked(req, bytes) : [[digest, bytes] as const]) {
          if (sha256(one) !== name) return problem(400, "digest_mismatch");
          blobs.set(name, one);
        }
        return [201, {}];
    }
    return problem(404, "not_found");
  };

  const server = createServer(async (req, res: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const answered = plane.isOff ? null : await answer(req, Buffer.concat(chunks));
    if (plane.isOff || answered === null) return void res.destroy();
    if (Buffer.isBuffer(answered)) return void res.end(answered);
    const [status, body] = answered;
    res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body ?? null));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  plane.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return plane;
}

export type ControlPlane = Awaited<ReturnType<typeof startControlPlane>>;
