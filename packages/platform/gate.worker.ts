/**
 * The gate: the one door to a local platform. It has a socket of its own, since Miniflare's obey headers that any client
 * can send. Knows no feature: it cleans the head, says where the request came from, and passes it on.
 */
import { inspect } from "./gate-rules.ts";

interface Env {
  API: Fetcher;
  EDGE: Fetcher;
  /** Answers 200 once what stands behind is ready: the socket is there before. */
  OPENED: Fetcher;
  /** JSON list of hosts at which the API answers. */
  HOSTS: string;
  TEST_CF: string;
}

/** Read once: they are the process's own. */
let hosts: ReadonlySet<string> | null = null;
let isOpen = false;
let isClosing = false;
/** Requests whose answer has not begun. */
const waiting = new Set<Request>();

/** When it closes, for those who are inside. */
const GRACE_MS = 3_000;

export default {
  async fetch(request, env): Promise<Response> {
    if (isClosing) return closed("The platform is being stopped.");
    isOpen ||= (await env.OPENED.fetch("http://gate.internal/")).ok;
    if (!isOpen) return closed("The platform is being started.");
    waiting.add(request);
    // When the client leaves, the runtime goes no further here: not to what stands behind `finally` either.
    request.signal.addEventListener("abort", () => waiting.delete(request));
    try {
      return await pass(request, env);
    } finally {
      waiting.delete(request);
    }
  },

  /** The platform ends: nobody is let in any more, and those who are inside are waited for. */
  async scheduled() {
    isClosing = true;
    for (const until = Date.now() + GRACE_MS; waiting.size > 0 && Date.now() < until; )
      await scheduler.wait(10);
  },
} satisfies ExportedHandler<Env>;

async function pass(request: Request, env: Env): Promise<Response> {
  const url = new URL(request.url);
  const clientIp = addressOf(request.cf?.clientIp as string | undefined);
  hosts ??= new Set(JSON.parse(env.HOSTS) as string[]);
  const verdict = inspect(url, request.headers, clientIp, hosts, env.TEST_CF === "1");
  if (!verdict.ok) return problem(verdict.status, verdict.code, "The request's head is too large.");
  const { headers, cf, to } = verdict;
  const { method } = request;
  // RFC 9110, 9.3.1: what a GET carries means nothing, and the runtime would not send it on.
  const isBodiless = method === "GET" || method === "HEAD";
  const body = isBodiless ? null : request.body;
  if (isBodiless && request.body !== null)
    for (const name of ["content-length", "transfer-encoding"]) headers.delete(name);
  try {
    return await (to === "api" ? env.API : env.EDGE).fetch(url.href, {
      method,
      headers,
      body,
      redirect: "manual",
      cf,
      encodeResponseBody: "manual",
    });
  } catch {
    // Both answer for what fails in them: this is a failure of the runtime's.
    return problem(503, "unavailable", "The platform behind this address does not answer at the moment.");
  }
}

/** `203.0.113.9:4711`, `[2001:db8::1]:4711`, `::ffff:203.0.113.9` → the address alone. */
function addressOf(client: string | undefined): string | null {
  const bare = client?.replace(/^\[(.*)\](?::\d+)?$/, "$1").replace(/^([\d.]+):\d+$/, "$1");
  return bare?.replace(/^::ffff:/, "") ?? null;
}

const closed = (why: string): Response =>
  problem(503, "unavailable", why, { "retry-after": "1", connection: "close" });

/** The gate is on its own: it can't borrow the platform's errors, but it says them alike. */
function problem(status: number, code: string, detail: string, more: Record<string, string> = {}): Response {
  const body = JSON.stringify({
    type: `https://cloudify.dev/problems/${code}`,
    title: detail,
    status,
    detail,
    code,
  });
  const headers = { "content-type": "application/problem+json", "cache-control": "no-store", ...more };
  return new Response(`${body}\n`, { status, headers });
}
