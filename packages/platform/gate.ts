/** The gate as Miniflare takes it: a Worker in the platform's own process, and the socket that a plugin adds for it. */
import type { Config } from "./config.ts";
import { GATE } from "./gate.plugin.ts";
import type { Parts } from "./parts.ts";

/** What stands behind it; each as Miniflare takes a service. */
export interface Behind {
  API: unknown;
  EDGE: unknown;
  /** Answers 200 once visitors may come in. */
  OPENED: unknown;
}

export async function gateWorker(
  config: Pick<Config, "host" | "port" | "testCf">,
  { code, plugin }: Parts["gate"],
  behind: Behind,
) {
  const socket = { package: plugin, name: GATE };
  return {
    name: GATE,
    modules: [{ type: "ESModule" as const, path: "index.mjs", contents: await code() }],
    modulesRoot: "/",
    compatibilityDate: "2026-10-01",
    // It is told of clients that leave.
    compatibilityFlags: ["enable_request_signal"],
    bindings: { HOSTS: JSON.stringify(hostsOf(config)), TEST_CF: config.testCf ? "1" : "0" },
    serviceBindings: { ...behind },
    unsafeBindings: [{ name: "SOCKET", type: GATE, plugin: socket, options: { address: addressOf(config) } }],
  };
}

export const addressOf = ({ host, port }: Pick<Config, "host" | "port">): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`;

/** At which the API answers. */
const hostsOf = ({ host, port }: Pick<Config, "host" | "port">): string[] =>
  ["localhost", "127.0.0.1", "[::1]", host].flatMap((name) => [
    `${name}:${port}`,
    ...(port === 80 ? [name] : []),
  ]);
