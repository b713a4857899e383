/**
 * The modules of ours in each customer's isolate, as text. The prelude runs before the customer's code: it makes console
 * lines as Node prints them, keeps them within what the runtime passes on, counts hops, and gives libraries what they look
 * for, and the function what it brought along. The main module calls the handler and tells its faults apart. Nothing here
 * is trusted: it runs beside customers' code, and is told nothing that they may not know.
 */
import { AS_MIDDLEWARE, FAULT_HEADER, HEAD_HEADER, HOPS_HEADER } from "#features/functions/call.ts";
import { type FunctionCode, RESERVED_MODULES } from "#features/functions/function.ts";
import { LINES_A_SECOND } from "#features/logs/policy.ts";
import { CALL_LOG_BYTES, CUT, GAP, LINE_CHARACTERS } from "../functions/traced.ts";
import { consoleText } from "./console.ts";
import { faultsText } from "./faults.ts";
import { fetchText } from "./fetch.ts";
import { FILES, filesAskedText, filesText } from "./files.ts";
import { inflowText } from "./inflow.ts";

const PRELUDE = `${RESERVED_MODULES}prelude.js`;
export const MAIN = `${RESERVED_MODULES}main.js`;

/**
 * How lines leave an isolate. `fetch`: a few at a time, while the call goes on, to {@link LINES_HOST}; the isolates Worker
 * stands behind every fetch and takes them. `console`: by the runtime's own, which hands them to a tail Worker when the
 * call is over; a tail costs each call, also one that writes nothing, about a quarter of what the isolate costs.
 */
export type Lines = "fetch" | "console";

/** What customers fetch from it is taken for lines of their own log, and is nothing else. */
export const LINES_HOST = "lines.cloudify.internal";

const BY_FETCH = `
const GATHER_MS = 15;
const LONGEST_MS = 500;
function deliver(store, line) {
  store.waiting.push(line);
  if (store.isSending || !store.later) return;
  store.isSending = true;
  store.later(send(store));
}
// A call that writes on and on asks for less and less: each asking counts among its subrequests.
async function send(store) {
  for (let wait = GATHER_MS; store.waiting.length > 0; wait = Math.min(wait * 2, LONGEST_MS)) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    const body = stringify(store.waiting.splice(0));
    await nativeFetch("http://${LINES_HOST}/", { method: "POST", body }).catch(() => {});
  }
  store.isSending = false;
}
`;

const BY_CONSOLE = `
const print = {};
for (const level of ["log", "info", "debug", "warn", "error"]) print[level] = console[level].bind(console);
print.trace = print.debug;
function deliver(store, { level, text, cut, gap }) {
  if (gap) print[level]("", "${GAP}", gap);
  else if (cut) print[level](text, "${CUT}", cut);
  else print[level](text);
}
`;

const preludeText = (lines: Lines): string => `
import { AsyncLocalStorage } from "node:async_hooks";
import { formatWithOptions, inspect } from "node:util";
import { assets, wasm } from "./files.js";

export const requests = new AsyncLocalStorage();
// Customers may replace what they find; what we call afterwards is what was there.
export const native = { Response, Request, Promise, String, Number, Object, parse: JSON.parse };
const { setTimeout, Date, TextEncoder, fetch: nativeFetch } = globalThis;
const { stringify } = JSON;
const setHeader = Function.prototype.call.bind(Headers.prototype.set);
const encoder = new TextEncoder();
${lines === "fetch" ? BY_FETCH : BY_CONSOLE}
const fresh = () => ({ indent: "", counts: new Map(), timers: new Map() });
export const requestState = (later) =>
  ({ console: fresh(), second: 0, lines: 0, bytes: 0, dropped: 0, later, waiting: [], isSending: false });
const outside = requestState(null);
// What has lost its request counts for the one that began last.
let current = outside;
export const begin = (state) => { current = state; };

// Lines at load have no request that would carry them: the first one does.
let early = [];
function emit(level, text) {
  const store = requests.getStore()?.state;
  if (store || !early) put(store ?? current, level, text);
  else if (early.length < ${LINES_A_SECOND}) early.push([level, text]);
  else outside.dropped++;
}
export function flushEarly() {
  if (!early) return;
  const lines = early;
  early = null;
  for (const [level, text] of lines) emit(level, text);
  if (outside.dropped > 0) gap(current, outside.dropped);
  outside.dropped = 0;
}

// What is not passed on would not be counted either: so it is counted here.
function put(store, level, text) {
  const second = Math.floor(Date.now() / 1000);
  if (second !== store.second) { store.second = second; store.lines = 0; }
  const cut = text.length - ${LINE_CHARACTERS};
  const shown = cut > 0 ? text.slice(0, ${LINE_CHARACTERS}) : text;
  const cost = encoder.encode(stringify(shown)).length + 80;
  if (store.lines >= ${LINES_A_SECOND} || store.bytes + cost > ${CALL_LOG_BYTES}) {
    if (store.dropped++ === 0) store.later?.(new Promise((resolve) => setTimeout(resolve, 20)).then(() => {
      gap(store, store.dropped);
      store.dropped = 0;
    }));
    return;
  }
  store.lines++;
  store.bytes += cost;
  deliver(store, cut > 0 ? { level, text: shown, at: Date.now(), cut } : { level, text: shown, at: Date.now() });
}
const gap = (store, count) => deliver(store, { level: "warn", text: "", at: Date.now(), gap: count });
// The runtime's inspect takes a DOMException for an object whose stack is one of its fields.
const { DOMException } = globalThis;
const asError = (item) => {
  if (!(item instanceof DOMException)) return item;
  const { name, message, stack } = item;
  const frames = stack.indexOf("\\n    at ");
  return native.Object.assign(new Error(), { stack: "DOMException [" + name + "]: " + message + (frames < 0 ? "" : stack.slice(frames)) });
};
const shown = (item, options) => inspect(asError(item), options);
${consoleText}
installConsole(console, {
  format: (options, ...args) => formatWithOptions(options, ...args.map(asError)),
  inspect: shown,
  now: performance.now.bind(performance),
  emit,
  state: () => (requests.getStore()?.state ?? current).console,
});
native.printError = console.error;
${faultsText}
export const complain = watchFaults({ emit, inspect: shown });

${filesAskedText}
${fetchText}
${inflowText}
// A location's cache is one for all who run there: customers have one that never holds anything.
const noCache = {
  match: async () => undefined,
  delete: async () => false,
  put: async () => { throw new Error("An edge function has no Cache API: send cache-control instead."); },
};
const noCaches = { default: noCache, open: async () => noCache, has: async () => false, delete: async () => false };
for (let scope = globalThis; scope; scope = Object.getPrototypeOf(scope)) {
  if (Object.hasOwn(scope, "caches") || scope === globalThis) Object.defineProperty(scope, "caches", { value: noCaches });
}

globalThis.AsyncLocalStorage ??= AsyncLocalStorage;
globalThis.EdgeRuntime = "vercel";
const context = { get: () => requests.getStore()?.context };
globalThis[Symbol.for("@vercel/request-context")] = context;
`;

const mainText = (entry: string): string =>
  `import { begin, native, requests, requestState, flushEarly, complain, inflowOf, settled } from "./prelude.js";
import * as entry from ${JSON.stringify(`../${entry}`)};
${HANDLER}`;

/** Our modules beside a function's own: name → text. */
export const shimOf = (code: FunctionCode, lines: Lines): Record<string, string> => ({
  [PRELUDE]: preludeText(lines),
  [FILES]: filesText(code),
  [MAIN]: mainText(code.main),
});

const HANDLER = `
const { Response, Request, Promise, Number, Object, parse, printError } = native;
const exported = entry.default ?? globalThis._ENTRIES?.[Object.keys(globalThis._ENTRIES ?? {})[0]]?.default;
const inner = exported?.default ?? exported;
const handler = typeof inner === "function" ? inner
  : typeof inner?.fetch === "function" ? (request, context, env) => inner.fetch(request, env, context)
  : null;

class Context {
  #asked;
  constructor(asked, waitUntil) {
    this.#asked = asked;
    this.waitUntil = waitUntil;
  }
  passThroughOnException() {}
  get headers() { return Object.fromEntries(this.#asked.headers); }
  get url() { return this.#asked.url; }
  get signal() { return this.#asked.signal; }
}

// Of a HEAD the runtime reads the body to its end before the head of the answer goes, which a stream may never come to.
const bare = (response) => {
  response.body.cancel().catch(() => {});
  return new Response(null, response);
};

// What is to be shown is a customer's, and may throw when it is looked at.
const tell = (...shown) => {
  try {
    printError(...shown);
  } catch {
    printError("What the function returned can't be shown.");
  }
};
const fault = (kind) => new Response(null, { status: 500, headers: { "${FAULT_HEADER}": kind } });

export default {
  async fetch(request, env, ctx) {
    const hops = Number(request.headers.get("${HOPS_HEADER}") ?? 0);
    const head = parse(request.headers.get("${HEAD_HEADER}"));
    const isMiddleware = head["${AS_MIDDLEWARE}"] !== undefined;
    if (isMiddleware) delete head["${AS_MIDDLEWARE}"];
    const inflow = inflowOf(request, head["content-length"]);
    const asked = new Request(request, inflow === null ? { headers: head } : { headers: head, body: inflow.readable });
    const later = (work) => ctx.waitUntil(work);
    const waitUntil = (work) => later(Promise.resolve(work).catch((error) => console.error("waitUntil:", error)));
    const context = new Context(asked, waitUntil);
    const state = requestState(later);
    begin(state);
    const answer = async () => {
      flushEarly();
      if (!handler) {
        tell("The module has no default export that is a function, or an object with fetch().");
        return fault("load");
      }
      let response;
      try {
        response = await handler(asked, context, env);
      } catch (error) {
        complain(error);
        return fault("threw");
      }
      if (isMiddleware) response ??= new Response(null, { headers: { "x-middleware-next": "1" } });
      if (!(response instanceof Response)) {
        tell("The handler returned %o, not a Response.", response);
        return fault("no-response");
      }
      const why = response.type === "error" ? "Response.error()" : response.bodyUsed ? "a Response whose body was read, or sent, before" : null;
      if (why === null) return request.method === "HEAD" && response.body !== null ? bare(response) : response;
      tell("The handler returned " + why + ", which can't be sent.");
      return fault("unsendable");
    };
    return requests.run({ hops, context, state }, inflow === null ? answer : async () => settled(await answer(), asked, inflow, later));
  },
};
`;
