/**
 * The two modules of ours in each customer's isolate, as text. The prelude runs before the customer's code: it makes
 * console lines as Node prints them, counts hops, and gives libraries what they look for. The main module calls the
 * handler and tells its faults apart. Nothing here is trusted: it runs beside customers' code.
 */
import { FAULT_HEADER, HOPS_HEADER } from "#features/functions/call.ts";
import { RESERVED_MODULES } from "#features/functions/function.ts";

export const PRELUDE = `${RESERVED_MODULES}prelude.js`;
export const MAIN = `${RESERVED_MODULES}main.js`;

export const preludeText = `
import { AsyncLocalStorage } from "node:async_hooks";
import { formatWithOptions } from "node:util";

export const requests = new AsyncLocalStorage();

// Lines at load have no request that would carry them: the first one does.
let early = [];
const write = {};
for (const level of ["log", "info", "debug", "warn", "error", "trace"]) {
  const native = console[level === "trace" ? "debug" : level].bind(console);
  write[level] = native;
  console[level] = (...args) => {
    let text = formatWithOptions({ colors: false }, ...args);
    if (level === "trace") text = new Error(text).stack.replace(/^Error/, "Trace");
    if (requests.getStore()) native(text);
    else if (early && early.length < 1000) early.push([level, text]);
  };
}
export function flushEarly() {
  if (!early) return;
  for (const [level, text] of early) write[level](text);
  early = null;
}

let assets = {};
export function setAssets(found) { assets = found; }

const nativeFetch = globalThis.fetch;
globalThis.fetch = (input, init) => {
  const url = typeof input === "string" ? input : input instanceof URL ? input.href : input?.url;
  if (typeof url === "string" && url.startsWith("blob:") && Object.hasOwn(assets, url.slice(5))) {
    return Promise.resolve(new Response(assets[url.slice(5)]));
  }
  const request = new Request(input, init);
  request.headers.set("${HOPS_HEADER}", String(requests.getStore()?.hops ?? 0));
  return nativeFetch(request);
};

// Bundles for Vercel's edge runtime ask for Node's own modules so.
globalThis.require ??= (name) => {
  const found = process.getBuiltinModule(name);
  if (!found) throw new Error("Cannot find module '" + name + "': an edge function has Node's own modules only.");
  return found;
};
globalThis.AsyncLocalStorage ??= AsyncLocalStorage;
globalThis.EdgeRuntime = "vercel";
const context = { get: () => requests.getStore()?.context };
globalThis[Symbol.for("@vercel/request-context")] = context;
`;

/** @param assets Name of an asset → name of the module that holds its bytes. */
export function mainText(entry: string, assets: Record<string, string>): string {
  const names = Object.entries(assets);
  const path = (name: string) => JSON.stringify(`../${name}`);
  return `import { requests, flushEarly, setAssets } from "./prelude.js";
import * as entry from ${path(entry)};
${names.map(([, module], i) => `import asset${i} from ${path(module)};`).join("\n")}
setAssets({ ${names.map(([name], i) => `${JSON.stringify(name)}: asset${i}`).join(", ")} });
${HANDLER}`;
}

const HANDLER = `
const exported = entry.default ?? globalThis._ENTRIES?.[Object.keys(globalThis._ENTRIES ?? {})[0]]?.default;
const inner = exported?.default ?? exported;
const handler = typeof inner === "function" ? inner
  : typeof inner?.fetch === "function" ? (request, context, env) => inner.fetch(request, env, context)
  : null;

const fault = (kind) => new Response(null, { status: 500, headers: { "${FAULT_HEADER}": kind } });

export default {
  async fetch(request, env, ctx) {
    const hops = Number(request.headers.get("${HOPS_HEADER}") ?? 0);
    const asked = new Request(request);
    if (hops > 0) asked.headers.delete("${HOPS_HEADER}");
    const waitUntil = (work) => ctx.waitUntil(Promise.resolve(work).catch((error) => console.error("waitUntil:", error)));
    const context = {
      waitUntil,
      passThroughOnException() {},
      get headers() { return Object.fromEntries(asked.headers); },
      get url() { return request.url; },
      get signal() { return request.signal; },
    };
    return requests.run({ hops, context }, async () => {
      flushEarly();
      if (!handler) {
        console.error("The module has no default export that is a function, or an object with fetch().");
        return fault("load");
      }
      let response;
      try {
        response = await handler(asked, context, env);
      } catch (error) {
        console.error(error instanceof Error ? error : new Error("Thrown: " + String(error)));
        return fault("threw");
      }
      if (response instanceof Response) return response;
      console.error("The handler returned %o, not a Response.", response);
      return fault("no-response");
    });
  },
};
`;
