/**
 * The isolates Worker: runs customers' functions, each with each environment in a V8 isolate of its own (Worker Loader).
 * On one machine it stands in a workerd process of its own, since a function that spins takes its process with it; there
 * it asks the platform for code over HTTP. In production it reads the store itself.
 */
import { WorkerEntrypoint } from "cloudflare:workers";
import {
  CALL_HEADER,
  type Call,
  decodeCall,
  FAULT_HEADER,
  type Fault,
  HEAD_HEADER,
  HOPS_HEADER,
  KEY_HEADER,
  MAX_HOPS,
  QUARANTINED_HEADER,
  START_HEADER,
} from "#features/functions/call.ts";
import { linesOf, MAX_DELIVERY, type Traced, tracedOf } from "./functions/traced.ts";
import type { Isolate } from "./isolates/adapter.ts";
import { Crowd } from "./isolates/crowd.ts";
import { byNamespace, hasNamespace } from "./isolates/dispatch.ts";
import type { IsolatesEnv } from "./isolates/env.ts";
import { byLoader } from "./isolates/loader.ts";
import { report } from "./isolates/platform.ts";
import { Room } from "./isolates/room.ts";
import { LINES_HOST } from "./isolates/shim.ts";
import { textOf } from "./isolates/text.ts";
import { callOf } from "./isolates/upload.ts";

const room = new Room();
/** Calls from functions that are under way. */
const crowd = new Crowd();

export default {
  async fetch(request, env, ctx): Promise<Response> {
    if (env.INTERNAL_KEY !== undefined && request.headers.get(KEY_HEADER) !== env.INTERNAL_KEY) {
      return new Response("not found\n", { status: 404 });
    }
    const given = request.headers.get(CALL_HEADER);
    if (given === null) return room.answer(request.headers, env.PROCESS);
    const call = known(given);
    // The function's own runtime handles this: it is told no more of the call than it may know.
    const headers = passedOn(request.headers);
    // What a function says under this name is taken away: it would have the process of all replaced.
    const started = (answer: Response): Response => {
      const { name, isCold } = isolate?.start() ?? { name: "-", isCold: true };
      if (!isCold && !answer.headers.has(START_HEADER)) return answer;
      const { status, webSocket, headers: own } = answer;
      const response = webSocket
        ? new Response(null, { status, webSocket, headers: own })
        : new Response(answer.body, answer);
      response.headers.delete(START_HEADER);
      const which = env.PROCESS ?? "- -";
      if (isCold) response.headers.set(START_HEADER, `cold ${name} ${which}${room.isFull ? " full" : ""}`);
      return response;
    };
    let isolate: Isolate | null = null;
    const leave = HOPS_HEADER in headers ? crowd.enter(call.id) : () => undefined;
    if (!leave) return new Response("loop detected\n", { status: 508 });
    try {
      isolate = await (hasNamespace(env) ? byNamespace(env) : byLoader(env, ctx.exports)).of(call);
      const answer = await isolate.fetch(request, headers);
      return started(answer);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      const fault = faultOf(text);
      const why =
        fault === "hung" ? "The function can never answer: nothing that it waits for is under way." : text;
      ctx.waitUntil(report(env, call, [{ level: "error", text: why, at: Date.now() }]));
      return started(new Response(null, { status: 500, headers: { [FAULT_HEADER]: fault } }));
    } finally {
      leave();
    }
  },

  /** Of scripts in a dispatch namespace, which all have this Worker as their tail. */
  async tail(events, env): Promise<void> {
    for (const event of events) {
      const call = event.dispatchNamespace ? callOf(event.scriptTags ?? []) : null;
      if (call) await report(env, call, [...tracedOf(event), ...cpuOf(event)]);
    }
  },
} satisfies ExportedHandler<IsolatesEnv>;

/** What the runtime says when a call comes to no answer. */
function faultOf(text: string): Fault {
  if (text.startsWith("Failed to start Worker")) return "load";
  if (text.startsWith("The Node.js process.exit")) return "threw";
  if (/would never generate a response|had hung/.test(text)) return "hung";
  return UNSENDABLE.test(text) ? "unsendable" : "load";
}

/** An illegal invocation: a Proxy stands around the Response. */
const UNSENDABLE =
  /Body has already been used|locked to a reader|must not be an error response|disturbed|Illegal invocation|tried to return a WebSocket/;

const PASSED_ON = [HEAD_HEADER, HOPS_HEADER, "upgrade"];

function passedOn(given: Headers): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = given.get(name);
    if (value !== null) headers[name] = value;
  }
  return headers;
}

/** By their text: a function is called with the same one each time. */
const calls = new Map<string, Call>();
const MAX_KNOWN = 5_000;

function known(text: string): Call {
  let call = calls.get(text);
  if (!call) {
    call = decodeCall(text);
    if (calls.size > MAX_KNOWN) calls.clear();
    calls.set(text, call);
  }
  return call;
}

/** Everything that a function fetches leaves through here. A host of this platform is answered by the router. */
export class Outbound extends WorkerEntrypoint<IsolatesEnv, Call> {
  override async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (url.hostname === LINES_HOST) return this.#take(request);
    if (url.protocol !== "http:" && url.protocol !== "https:")
      throw new TypeError(`${url.protocol} is not fetched`);
    if (url.username !== "" || url.password !== "")
      throw new TypeError("Credentials in an address are not sent");
    const headers = new Headers(request.headers);
    // A customer can have another number written here, and none that counts for less than one.
    const been = Number(headers.get(HOPS_HEADER));
    const hops = (Number.isSafeInteger(been) && been > 0 ? been : 0) + 1;
    const isOurHost = isHostOf(url.hostname, this.env.DEPLOY_DOMAIN);
    // Who asks us is a function, whatever it says of a client behind it; others know their own headers.
    for (const name of [...headers.keys()])
      if (OURS.test(name) || (isOurHost && OF_CLIENT.test(name))) headers.delete(name);
    const isOurs = this.env.PLATFORM !== undefined && isOurHost;
    if (isOurs) {
      if (hops > MAX_HOPS) return new Response("loop detected\n", { status: 508 });
      headers.set(HOPS_HEADER, String(hops));
      headers.set(KEY_HEADER, this.env.INTERNAL_KEY ?? "");
      if (this.env.PLACE === "quarantine") headers.set(QUARANTINED_HEADER, "1");
    }
    const onward = new Request(request, { headers });
    if (isOurs && this.env.PLATFORM) return this.env.PLATFORM.fetch(onward);
    if (!this.env.EGRESS) return fetch(onward);
    try {
      return await this.env.EGRESS.fetch(onward);
    } catch {
      // The network says neither what it refuses nor why.
      throw new TypeError(`${url.host} can't be reached: functions reach public addresses that answer.`);
    }
  }

  /** Lines of its console. What else a customer might send becomes lines too, or nothing. */
  async #take(request: Request): Promise<Response> {
    const text = await textOf(request.body, MAX_DELIVERY);
    const lines = text === null ? [] : linesOf(text, Date.now());
    this.ctx.waitUntil(report(this.env, this.ctx.props, lines));
    return new Response(null, { status: 204 });
  }
}

/** What processes of a platform obey, wherever they listen. */
const OURS = /^(?:x-cloudify-|mf-)/;
const OF_CLIENT = /^(?:cf-|x-vercel-|x-forwarded-|x-real-ip$|forwarded$|true-client-ip$|cdn-loop$)/;

const isHostOf = (hostname: string, domain: string): boolean => hostname.endsWith(`.${domain}`);

/** Known on Cloudflare only; the line of the request's outcome was written long before. */
const cpuOf = ({ cpuTime, wallTime, eventTimestamp }: TraceItem): Traced[] =>
  cpuTime > 0
    ? [{ level: "debug", text: `${cpuTime} ms CPU, ${wallTime} ms in all`, at: eventTimestamp ?? Date.now() }]
    : [];
