/** Stands in for /agent/v1/*: paths, statuses and problem codes as docs/agent-protocol.md has them. */
import { createHash } from "node:crypto";
import {
  type ClaimRequest,
  type CompleteRequest,
  digestText,
  type FeedAnswer,
  type HeartbeatRequest,
  type LeaseRequest,
  type LogRequest,
  type StatusReport,
  type WorkloadMaterial,
} from "@cloudify/protocol";
import type { Denied } from "./region.ts";
import type { World } from "./world.ts";

export async function serve(
  world: World,
  regionName: string,
  url: string,
  init: RequestInit,
): Promise<Response> {
  if (world.isApiDown) {
    if (world.chance.happens(0.5)) throw new Error("reset");
    return problem(503, "unavailable");
  }
  const { pathname, searchParams } = new URL(url);
  const region = world.region(regionName);
  const headers = init.headers as Record<string, string>;
  const credential = (headers.authorization ?? "").slice("Bearer ".length);
  const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : null;
  const [name = "", id = "", verb = ""] = pathname
    .slice("/agent/v1/".length)
    .split("/")
    .map(decodeURIComponent);
  const number = (key: string) => Number(searchParams.get(key));
  /** The object is asked over a way of its own, which may fail before and after. */
  const ask = <T>(act: () => T | Promise<T>): Promise<T> => world.rpc(world.api, region, act);
  try {
    switch (name === "tasks" ? `tasks/${verb || id}` : name) {
      case "exchange": {
        const next = `credential ${world.draw()} of ${regionName}`;
        const { holder } = body as { holder: string };
        const isOk = region.exchange(credential, holder, next);
        return isOk
          ? json({ region: regionName, name: regionName, credential: next })
          : problem(401, "unauthenticated");
      }
      case "lease": {
        const next = `credential ${world.draw()} of ${regionName}`;
        return answered(
          await ask(() => region.renewLease(credential, body as LeaseRequest, next)),
          ({ answer }) => answer,
        );
      }
      case "feed": {
        const asked = { epoch: number("epoch"), after: number("after"), waitMs: number("waitMs") };
        return answered(await ask(() => region.readFeed(credential, asked)), ({ answer }) =>
          world.short.has(regionName) ? shortened(answer) : answer,
        );
      }
      case "workloads": {
        const found = await ask(() => region.workload(credential, id));
        if (!found.ok) return denied(found);
        if (!found.item) return problem(404, "not_found");
        const { generation, team, project, deployment } = found.item;
        const material = { id, generation, team, project, deployment, env: {}, secrets: [] };
        return json({ ...material, spec: { v: 1 } } as unknown as WorkloadMaterial);
      }
      case "status":
        return answered(await ask(() => region.report(credential, body as StatusReport)), () => ({}));
      case "logs":
        return await takeLines(world, await ask(() => mayWrite(body as LogRequest)), body as LogRequest);
      case "tasks/claim":
        return answered(await ask(() => region.claim(credential, body as ClaimRequest)), ({ tasks }) => ({
          tasks,
        }));
      case "tasks/heartbeat":
        return answered(
          await ask(() => region.heartbeat(credential, id, body as HeartbeatRequest)),
          ({ isOver }) => ({ isOver }),
        );
      case "tasks/complete": {
        const { epoch, attempt, result } = body as CompleteRequest;
        const [output] = result.ok ? result.output : [];
        const settled = result.ok
          ? { ok: true as const, manifest: output?.path ?? "", bytes: 1, fileCount: 1 }
          : result;
        const asked = { epoch, attempt, result: settled };
        return answered(await ask(() => region.complete(credential, id, asked)), ({ isAccepted }) => ({
          isAccepted,
        }));
      }
      default:
        throw new Error(`no such call: ${pathname}`);
    }
  } catch {
    return problem(503, "unavailable");
  }

  function mayWrite({ epoch, chunks }: LogRequest) {
    return region.mayWrite(
      credential,
      epoch,
      chunks.map(({ deployment }) => deployment),
    );
  }
}

/** As features/regions/lines.ts: each deployment's log by itself, and any that fails fails the call. */
async function takeLines(
  world: World,
  answer: ReturnType<World["regions"][number]["mayWrite"]>,
  { chunks }: LogRequest,
): Promise<Response> {
  if (!answer.ok) return denied(answer);
  await Promise.all(
    chunks.map(({ deployment, lines }) => {
      if (answer.allowed.includes(deployment))
        return world.rpc(world.api, { isUp: true }, () => world.append(deployment, answer.holder, lines));
      for (const { text } of lines) world.monitor.excused(text);
      return Promise.resolve();
    }),
  );
  return json({});
}

/** A faulty answer: it leaves out a workload that nobody has ended. */
function shortened(answer: FeedAnswer): FeedAnswer {
  if (answer.kind !== "snapshot") return answer;
  const items = answer.items.slice(1);
  return { ...answer, items, digest: createHash("sha256").update(digestText(items)).digest("hex") };
}

function answered<T extends { ok: true }>(answer: T | Denied, value: (answer: T) => unknown): Response {
  return answer.ok ? json(value(answer)) : denied(answer);
}

function denied(answer: Denied): Response {
  switch (answer.reason) {
    case "unauthenticated":
      return problem(401, "unauthenticated");
    case "fenced":
      return problem(409, "fenced", { epoch: answer.epoch });
    case "leased":
      return problem(409, "leased", { retryAfterMs: answer.retryAfterMs });
    case "protocol_unsupported":
      return problem(426, "protocol_unsupported", { protocols: answer.protocols });
  }
}

const problem = (status: number, code: string, extensions: object = {}): Response =>
  respond(status, { code, detail: code, ...extensions });

const json = (value: unknown): Response => respond(200, value);

/** What the agent's client reads of an answer; a real one would come in by streams, which wait for real time. */
function respond(status: number, value: unknown): Response {
  const text = JSON.stringify(value);
  const answer = { ok: status < 300, status, headers: new Headers(), json: async () => JSON.parse(text) };
  return answer as unknown as Response;
}
