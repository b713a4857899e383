/** A typed client of the REST API: retries what may be retried, pages, follows logs over cuts. */
import { ApiError, problemOf, unreachable } from "./error.ts";
import { DEFAULT_RETRY, delayFor, isTransient, type RetryPolicy, wait } from "./retry.ts";
import type { InputFor, LogRow, OperationName, OutputFor } from "./types.ts";

export interface ClientOptions {
  /** `https://api.example`; no path. */
  api: string;
  token: string;
  retry?: RetryPolicy;
  /** Milliseconds for an answer to begin. */
  timeout?: number;
  fetch?: typeof fetch;
}

export interface RequestOptions {
  signal?: AbortSignal;
}

type Anything = { params?: Record<string, unknown>; query?: Record<string, unknown>; body?: unknown };

/** Milliseconds that a platform which was heard may be away: it starts again in less. */
const AWAY_MS = 60_000;

export class Client {
  readonly api: string;
  readonly #token: string;
  readonly #retry: RetryPolicy;
  readonly #timeout: number;
  readonly #fetch: typeof fetch;

  constructor({ api, token, retry = DEFAULT_RETRY, timeout = 60_000, fetch: by = fetch }: ClientOptions) {
    this.api = api.replace(/\/+$/, "");
    this.#token = token;
    this.#retry = retry;
    this.#timeout = timeout;
    this.#fetch = by;
  }

  /** @throws ApiError */
  async request<N extends OperationName>(
    name: N,
    ...[input, options]: object extends InputFor<N>
      ? [input?: InputFor<N>, options?: RequestOptions]
      : [input: InputFor<N>, options?: RequestOptions]
  ): Promise<OutputFor<N>> {
    const { params = {}, query = {}, body } = (input ?? {}) as Anything;
    const [method = "GET", template = ""] = name.split(" ");
    const path = template.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(String(params[key])));
    return (await this.call(method, path + queryOf(query), body, options?.signal)) as OutputFor<N>;
  }

  /** Any path of the API, by hand. @returns What it answered: JSON, a text, or `null` for nothing. */
  async call(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<unknown> {
    const headers: Record<string, string> = {};
    if (method === "POST") headers["idempotency-key"] = crypto.randomUUID();
    if (body !== undefined) headers["content-type"] = "application/json";
    const text = body === undefined ? null : JSON.stringify(body);
    const response = await this.send(method, path, headers, () => text, signal);
    if (response.status === 204) return null;
    const isJson =
      response.headers.get("content-type")?.includes("json") &&
      !response.headers.get("content-type")?.includes("ndjson");
    return isJson ? response.json() : response.text();
  }

  /** @param type Media type. Their length is for `fetch` to say: said twice, newer dispatchers of undici refuse it. */
  async upload(path: string, type: string, bytes: Blob, signal?: AbortSignal): Promise<void> {
    await (await this.send("PUT", path, { "content-type": type }, () => bytes, signal)).body?.cancel();
  }

  /** Every item of a list, page after page. */
  async *pages<T>(
    load: (cursor: string | undefined) => Promise<{ data: T[]; next: string | null }>,
  ): AsyncGenerator<T> {
    for (let cursor: string | undefined; ; ) {
      const { data, next } = await load(cursor);
      yield* data;
      if (next === null) return;
      cursor = next;
    }
  }

  /**
   * A deployment's log from behind `after`, each row once and in order, over any number of cuts: the platform itself cuts
   * who follows for minutes, to ask anew whether they may. Once it was heard, it may be away for a while.
   */
  async *follow(
    deployment: string,
    after: number,
    signal?: AbortSignal,
    until: "ended" | "silent" = "silent",
  ): AsyncGenerator<LogRow> {
    let heardAt = Number.NEGATIVE_INFINITY;
    for (let cursor = after, failures = 0; ; ) {
      const path = `/api/deployments/${encodeURIComponent(deployment)}/events?follow=1&until=${until}&after=${cursor}`;
      try {
        const response = await this.send("GET", path, {}, () => null, signal);
        for await (const line of linesOf(response)) {
          failures = 0;
          heardAt = Date.now();
          if (line === "") continue;
          const row = JSON.parse(line) as LogRow;
          if (row.seq <= cursor) continue;
          cursor = row.seq;
          yield row;
        }
        return;
      } catch (error) {
        if (signal?.aborted) throw error;
        const isAway = Date.now() - heardAt < AWAY_MS;
        if (error instanceof ApiError && !(isAway && isTransient(error.problem.status))) throw error;
        if (failures >= this.#retry.attempts && !isAway) throw error;
        await wait(delayFor(this.#retry, failures++, Math.random(), null), signal);
      }
    }
  }

  /** @throws ApiError for every answer that is not a success. */
  async send(
    method: string,
    path: string,
    headers: Record<string, string>,
    body: () => BodyInit | null,
    signal?: AbortSignal,
  ): Promise<Response> {
    const isRepeatable = method !== "PATCH" && (method !== "POST" || "idempotency-key" in headers);
    for (let attempt = 0; ; attempt++) {
      const isLast = !isRepeatable || attempt + 1 >= this.#retry.attempts;
      const response = await this.#once(method, path, headers, body(), signal).catch((error: unknown) => {
        if (signal?.aborted) throw signal.reason;
        if (isLast) throw unreachable(this.api, error);
        return null;
      });
      if (response?.ok) return response;
      const problem = response && (await problemOf(response));
      const isWaiting = problem?.code === "idempotency_in_progress";
      if (problem && (isLast || !(isTransient(problem.status) || isWaiting))) throw new ApiError(problem);
      const after = response?.headers.get("retry-after") ?? null;
      const seconds = after !== null && /^\d+$/.test(after) ? Number(after) : null;
      await wait(delayFor(this.#retry, attempt, Math.random(), seconds), signal);
    }
  }

  async #once(
    method: string,
    path: string,
    headers: Record<string, string>,
    body: BodyInit | null,
    signal?: AbortSignal,
  ): Promise<Response> {
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(new Error(`no answer within ${this.#timeout} ms`)),
      this.#timeout,
    );
    try {
      return await this.#fetch(this.api + path, {
        method,
        headers: { authorization: `Bearer ${this.#token}`, ...headers },
        body,
        redirect: "manual",
        signal: signal ? AbortSignal.any([signal, late.signal]) : late.signal,
        duplex: "half",
      } as RequestInit);
    } finally {
      clearTimeout(timer);
    }
  }
}

function queryOf(query: Record<string, unknown>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
