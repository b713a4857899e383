/** Calls of the control plane: a bearer, a limit of time, and answers that are expected to be refusals at times. */
import {
  blobPath,
  type ClaimAnswer,
  type ClaimRequest,
  type CompleteAnswer,
  type CompleteRequest,
  type ExchangeAnswer,
  type ExchangeRequest,
  type FeedAnswer,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  type LeaseAnswer,
  type LeaseRequest,
  type LogRequest,
  type StatusReport,
  type TaskEnvironment,
  taskBlobPath,
  taskBlobsPath,
  type WorkloadMaterial,
} from "@cloudify/protocol";
import type { Seams } from "./seams.ts";

export interface Refusal {
  ok: false;
  /** Of the problem; `unreachable` when there was no answer, `malformed` when there was one that says nothing. */
  code: string;
  /** 0 when there was no answer. */
  status: number;
  detail: string;
  retryAfterMs: number | null;
  extensions: Record<string, unknown>;
}

export type Answer<T> = { ok: true; value: T } | Refusal;

interface Call {
  method?: "GET" | "POST" | "PUT";
  body?: unknown;
  bytes?: Blob;
  /** Of `bytes`. */
  type?: string;
  /** Beyond the usual time, for what waits on purpose or is large. */
  extraMs?: number;
  signal?: AbortSignal;
  /** Instead of the agent's credential. */
  bearer?: string;
}

const TIMEOUT_MS = 10_000;
/** A slow line still gets a large file through. */
const BYTES_MS = 600_000;

export type Client = ReturnType<typeof createClient>;

/** @param api Origin of the control plane. @param credential The one to use now. */
export function createClient(api: string, credential: () => string, seams: Pick<Seams, "fetch" | "clock">) {
  const { fetch, clock } = seams;

  /** Within the time, and so is what `read` does. @returns `null` when there was no answer. */
  const send = async <T>(
    path: string,
    call: Call,
    bearer: string,
    read: (answer: Response) => Promise<T>,
  ) => {
    const late = new AbortController();
    const done = new AbortController();
    void clock.wait(TIMEOUT_MS + (call.extraMs ?? 0), done.signal).then(() => {
      if (!done.signal.aborted) late.abort();
    });
    const signal = call.signal ? AbortSignal.any([call.signal, late.signal]) : late.signal;
    const headers: Record<string, string> = { authorization: `Bearer ${bearer}` };
    const type = call.type ?? (call.body === undefined ? null : "application/json");
    if (type !== null) headers["content-type"] = type;
    const body = call.bytes ?? (call.body === undefined ? null : JSON.stringify(call.body));
    const over = new Promise<null>((resolve) => {
      signal.addEventListener("abort", () => resolve(null), { once: true });
    });
    try {
      const answered = fetch(`${api}${path}`, { method: call.method ?? "POST", headers, body, signal }).then(
        read,
      );
      // Not every fetch that is handed in here heeds its signal.
      return await Promise.race([answered, over]);
    } catch {
      return null;
    } finally {
      done.abort();
    }
  };

  const call = async <T>(path: string, call: Call, read: (answer: Response) => Promise<Answer<T>>) => {
    const used = call.bearer ?? credential();
    const answer = await send(path, call, used, read);
    // The credential was replaced while this one was on its way.
    const isOutdated = answer?.ok === false && answer.status === 401 && !call.bearer && credential() !== used;
    const final = isOutdated ? await send(path, call, credential(), read) : answer;
    return final ?? { ...NOTHING, detail: `The control plane at ${api} does not answer.` };
  };

  const json = <T>(path: string, about: Call): Promise<Answer<T>> =>
    call(path, about, async (answer) => {
      if (!answer.ok) return refusal(answer, clock.now());
      try {
        return { ok: true, value: (await answer.json()) as T };
      } catch {
        return { ...NOTHING, code: "malformed", detail: "The control plane's answer is not JSON." };
      }
    });

  /** What comes after the head may take its time. */
  const raw = (path: string, about: Call): Promise<Answer<Response>> =>
    call(path, about, async (answer) =>
      answer.ok ? { ok: true, value: answer } : refusal(answer, clock.now()),
    );

  const of = (epoch: number, attempt: number) => `?epoch=${epoch}&attempt=${attempt}`;
  const task = (id: string) => `/agent/v1/tasks/${encodeURIComponent(id)}`;
  const withSignal = (signal: AbortSignal | undefined) => (signal ? { signal } : {});

  return {
    exchange: (token: string, body: ExchangeRequest) =>
      json<ExchangeAnswer>("/agent/v1/exchange", { body, bearer: token }),
    lease: (body: LeaseRequest) => json<LeaseAnswer>("/agent/v1/lease", { body }),
    /** @param after 0 for a snapshot. */
    feed: (epoch: number, after: number, waitMs: number, signal: AbortSignal) =>
      json<FeedAnswer>(`/agent/v1/feed?epoch=${epoch}&after=${after}&waitMs=${waitMs}`, {
        method: "GET",
        extraMs: waitMs,
        signal,
      }),
    material: (id: string, epoch: number, signal: AbortSignal) =>
      json<WorkloadMaterial>(`/agent/v1/workloads/${encodeURIComponent(id)}?epoch=${epoch}`, {
        method: "GET",
        signal,
      }),
    blob: (team: string, sha256: string, signal: AbortSignal) =>
      raw(blobPath(team, sha256), { method: "GET", signal }),
    status: (body: StatusReport) => json<unknown>("/agent/v1/status", { body }),
    logs: (body: LogRequest) => json<unknown>("/agent/v1/logs", { body }),
    claim: (body: ClaimRequest, signal: AbortSignal) =>
      json<ClaimAnswer>("/agent/v1/tasks/claim", { body, extraMs: body.waitMs, signal }),
    environment: (id: string, epoch: number, attempt: number, signal: AbortSignal) =>
      json<TaskEnvironment>(`${task(id)}/environment${of(epoch, attempt)}`, { method: "GET", signal }),
    heartbeat: (id: string, body: HeartbeatRequest, signal?: AbortSignal) =>
      json<HeartbeatAnswer>(`${task(id)}/heartbeat`, { body, ...withSignal(signal) }),
    complete: (id: string, body: CompleteRequest) =>
      json<CompleteAnswer>(`${task(id)}/complete`, { body, extraMs: 20_000 }),
    missing: (id: string, epoch: number, attempt: number, digests: string[], signal: AbortSignal) =>
      json<string[]>(`${taskBlobsPath(id)}${of(epoch, attempt)}`, { body: digests, extraMs: 20_000, signal }),
    store: (
      id: string,
      { epoch, attempt, sha256 }: { epoch: number; attempt: number; sha256: string },
      bytes: Blob,
      signal: AbortSignal,
    ) =>
      json<unknown>(`${taskBlobPath(id, sha256)}${of(epoch, attempt)}`, {
        method: "PUT",
        bytes,
        extraMs: BYTES_MS,
        signal,
      }),
    /** @param pack Of `packOf`. */
    storePack: (
      id: string,
      epoch: number,
      attempt: number,
      { type, body }: { type: string; body: Blob },
      signal: AbortSignal,
    ) =>
      json<unknown>(`${taskBlobsPath(id)}${of(epoch, attempt)}`, {
        method: "PUT",
        type,
        bytes: body,
        extraMs: BYTES_MS,
        signal,
      }),
  };
}

const NOTHING: Refusal = {
  ok: false,
  code: "unreachable",
  status: 0,
  detail: "",
  retryAfterMs: null,
  extensions: {},
};

async function refusal(answer: Response, now: number): Promise<Refusal> {
  const { status } = answer;
  const retryAfterMs = retryAfter(answer.headers.get("retry-after"), now);
  const base = { ...NOTHING, status, retryAfterMs };
  try {
    const extensions = (await answer.json()) as Record<string, unknown>;
    const { code, detail } = extensions;
    if (typeof code === "string") return { ...base, code, detail: String(detail ?? ""), extensions };
  } catch {
    // Something between us and the platform answered.
  }
  return { ...base, code: "malformed", detail: `The control plane answered ${status} without saying why.` };
}

/** RFC 9110 section 10.2.3: seconds, or a date. @returns Milliseconds. */
export function retryAfter(header: string | null, now: number): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header)) return Number(header) * 1_000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
