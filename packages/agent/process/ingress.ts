/**
 * The region's ingress: one HTTP server that hands requests to the workloads' processes, or pods, and streams both ways.
 * Knows nothing of starting and stopping: it asks for a place and gives it back.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { HEALTH_PATH, INGRESS_KEY_HEADER, type IngressFault, WORKLOAD_PREFIX } from "@cloudify/protocol";
import type { Clock } from "../clock.ts";
import { accepts, follow, noKeys } from "./accepted-keys.ts";
import { fail, forward } from "./forward.ts";
import type { Target } from "./target.ts";
import { close, refuse, upgrade } from "./upgrade.ts";

export interface IngressOptions {
  /** `null`: every address of this machine. */
  host: string | null;
  /** 0: any. */
  port: number;
  clock: Clock;
  key(): string | null;
  target(deployment: string, group: string): Target | undefined;
}

export interface Ingress {
  port: number;
  /** New requests are told to go elsewhere; those under way go on. */
  drain(): void;
  /** Resolves when nothing is under way. */
  drained(): Promise<void>;
  close(): Promise<void>;
}

/** Longer than the edge keeps a connection that nobody uses. */
const KEEP_ALIVE_MS = 75_000;
/** The time of a former key begins when there is a new one, not with the first request after that. */
const KEY_LOOK_MS = 1_000;

export async function startIngress(options: IngressOptions): Promise<Ingress> {
  let isDraining = false;
  let keys = noKeys;
  const look = (): number => {
    const now = options.clock.monotonic();
    keys = follow(keys, options.key(), now);
    return now;
  };
  look();
  const looks = setInterval(look, KEY_LOOK_MS).unref();
  const server = createServer({ maxHeaderSize: 65_536, keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 });

  /** Answers that are not over, and connections that became something else: the server itself forgets these. */
  const open = new Set<ServerResponse | Duplex>();
  let onEmpty = (): void => undefined;
  const enter = (one: ServerResponse | Duplex): void => {
    open.add(one);
    one.once("close", () => {
      open.delete(one);
      if (open.size === 0) onEmpty();
    });
  };

  /** @returns What to ask, and whom; or what to answer. */
  const route = (req: IncomingMessage): { target: Target; path: string } | number | keyof typeof TOLD => {
    const url = req.url ?? "";
    if (url === HEALTH_PATH) return isDraining ? 503 : 200;
    const now = look();
    if (!accepts(keys, req.headers[INGRESS_KEY_HEADER], now)) return "denied";
    const asked = parsed(url);
    if (asked === null) return "absent";
    if (isDraining) return "draining";
    const target = options.target(asked.deployment, asked.group);
    return target ? { target, path: target.kind === "pod" ? url : asked.path } : "absent";
  };

  server.on("request", (req, res) => {
    enter(res);
    const found = route(req);
    if (typeof found === "number") return void res.writeHead(found).end();
    if (typeof found === "string") return fail(res, found, TOLD[found]);
    void forward(req, res, found.target, found.path);
  });
  server.on("upgrade", (req, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    enter(socket);
    const found = route(req);
    if (typeof found === "number") return close(socket, found);
    if (typeof found === "string") return refuse(socket, found);
    void upgrade(req, socket, head, found.target, found.path);
  });
  server.listen(options.port, options.host ?? undefined);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    drain() {
      isDraining = true;
      server.closeIdleConnections();
    },
    drained: () =>
      new Promise((resolve) => {
        onEmpty = resolve;
        if (open.size === 0) resolve();
      }),
    async close() {
      isDraining = true;
      clearInterval(looks);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      for (const one of open) one.destroy();
      await closed;
    },
  };
}

const TOLD = {
  denied: "Not found.",
  absent: "This region does not run it.",
  draining: "This region takes no new requests.",
} as const satisfies Partial<Record<IngressFault, string>>;

/** The rest of the path goes on as it came: it is the application's. */
function parsed(url: string): { deployment: string; group: string; path: string } | null {
  if (!url.startsWith(WORKLOAD_PREFIX)) return null;
  const found = /^([^/?#]+)\/([^/?#]+)(\/[^#]*)?(\?[^#]*)?$/.exec(url.slice(WORKLOAD_PREFIX.length));
  if (!found) return null;
  const [, deployment = "", group = "", path = "/", query = ""] = found;
  return { deployment, group, path: path + query };
}
