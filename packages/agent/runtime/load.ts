/** Finds out how a function is called: the forms that `@vercel/node` knows, in its order. */
import { existsSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { NodeFunction } from "@cloudify/protocol";
import { withHelpers } from "./helpers.ts";
import type { Starting } from "./listening.ts";
import { scopes } from "./scopes.ts";
import { fromWeb, METHODS, type WebHandler } from "./web.ts";

export type Handle = (req: IncomingMessage, res: ServerResponse) => unknown;

export interface Loaded {
  handle: Handle;
  /** The module's own, which takes upgrades too. */
  server: Server | null;
}

/** A module may take so long to start its server, for example while it connects to a database. */
const LISTEN_LIMIT_MS = 10_000;

/** @throws When the module is not there, throws, or has nothing that can be called; the error names the function. */
export async function load(name: string, root: string, one: NodeFunction): Promise<Loaded> {
  const path = join(root, one.handler);
  if (!existsSync(path)) {
    throw new Error(
      `The function "${name}" has the handler ${one.handler}, which is not in its output. Check "handler" in its .vc-config.json.`,
    );
  }
  // Functions of one framework share a module, which runs but once.
  const starting = started.get(path) ?? start(name, path);
  started.set(path, starting);
  const { exported, server } = await starting;
  if (isObject(exported)) {
    const web = webHandle(exported, one);
    if (web) return { handle: web, server: await server(0) };
    if (typeof exported === "function") {
      const handle = exported as Handle;
      // An application of Express is a function too; it has its own ideas of `req.query` and `res.json()`.
      const isApp = "listen" in exported && typeof exported.listen === "function";
      return { handle: one.hasHelpers && !isApp ? withHelpers(handle) : handle, server: await server(0) };
    }
    if (isServer(exported)) return { handle: toServer(exported), server: exported };
  }
  const listening = await server(LISTEN_LIMIT_MS);
  if (listening) return { handle: toServer(listening), server: listening };
  throw new Error(
    `The function "${name}" can't be called: ${one.handler} exports ${kindOf(exported)} and starts no server. ` +
      "Export a function (req, res), a function for a method as GET, or an object with fetch, as the default.",
  );
}

interface Started {
  exported: unknown;
  /** Waits so many milliseconds at most for the module to start a server. */
  server(limitMs: number): Promise<Server | null>;
}

const started = new Map<string, Promise<Started>>();

async function start(name: string, path: string): Promise<Started> {
  let found: (server: Server) => void = () => {};
  const server = new Promise<Server>((resolve) => {
    found = resolve;
  });
  const starting: Starting = { found, isOver: false };
  const module = await scopes.run({ function: name, call: null, starting }, () => importOnce(path));
  const within = async (limitMs: number): Promise<Server | null> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, limitMs, null);
    });
    const first = await Promise.race([server, late]);
    clearTimeout(timer);
    starting.isOver = true;
    return first;
  };
  return { exported: unwrap(module), server: within };
}

const importOnce = (path: string): Promise<unknown> => import(pathToFileURL(path).href);

/** Compilers of TypeScript nest defaults. */
function unwrap(module: unknown): unknown {
  let exported = module;
  for (let depth = 0; depth < 5 && isObject(exported) && "default" in exported && exported.default; depth++) {
    exported = exported.default;
  }
  return exported;
}

function webHandle(exported: object, one: NodeFunction): Handle | null {
  const found = new Map<string, WebHandler>();
  const member = (name: string): WebHandler | null => {
    const value = (exported as Record<string, unknown>)[name];
    return typeof value === "function" ? (value.bind(exported) as WebHandler) : null;
  };
  const all = one.isWeb && typeof exported === "function" ? (exported as WebHandler) : member("fetch");
  for (const method of METHODS) {
    const handler = member(method) ?? all;
    if (handler) found.set(method, handler);
  }
  return found.size > 0 ? fromWeb(found, all) : null;
}

const isServer = (exported: object): exported is Server =>
  "listen" in exported &&
  typeof exported.listen === "function" &&
  "emit" in exported &&
  "listeners" in exported;

/** Calls what listens for requests, and waits for it: a promise that fails is then the request's, not the process's. */
function toServer(server: Server): Handle {
  return (req, res) =>
    Promise.all(server.rawListeners("request").map((listener) => listener.call(server, req, res)));
}

const isObject = (value: unknown): value is object =>
  (typeof value === "object" && value !== null) || typeof value === "function";

function kindOf(exported: unknown): string {
  if (!isObject(exported)) return exported === null ? "null" : `a value of type ${typeof exported}`;
  const names = Object.keys(exported);
  return names.length > 0 ? `an object with ${names.slice(0, 5).join(", ")}` : "nothing";
}
