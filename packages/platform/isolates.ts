/**
 * The processes that run customers' functions: workerd with Worker Loader, one for all and one for those under
 * suspicion. Local workerd enforces neither CPU nor memory limits, so each has a watchdog. The platform's own process is
 * never touched.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Parts } from "./parts.ts";
import { type Ending, type Watched, WatchedProcess } from "./watched.ts";
import { v8Flags } from "./workerd.ts";

/** A function that blocks its thread for less than this is let be. */
const SILENCE_MS = 1_500;
const MIB = 1_024 * 1_024;

/**
 * What a process may hold. In quarantine a function is alone, and is held to what it took at any time: one that alone
 * takes most of what all have together would fill `main` again.
 */
const LIMITS: Record<"main" | "quarantine", Pick<Watched, "memoryBytes" | "memoryOf">> = {
  main: { memoryBytes: 1_024 * MIB, memoryOf: "now" },
  quarantine: { memoryBytes: 768 * MIB, memoryOf: "ever" },
};

export interface IsolatesConfig extends Pick<Watched, "onEvent" | "onPid" | "key"> {
  folder: string;
  /** `host:port` of the router's direct socket: code, lines, and calls to hosts of this platform. */
  platform: string;
  deployDomain: string;
  /** Networks that functions may reach: `public`, and CIDRs. */
  allow: readonly string[];
}

export async function startIsolates(
  name: "main" | "quarantine",
  port: number,
  config: IsolatesConfig,
  parts: Pick<Parts, "isolates" | "runtime">,
): Promise<WatchedProcess> {
  const folder = join(config.folder, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "isolates.js"), await parts.isolates());
  writeFileSync(join(folder, "config.capnp"), configuration(name, port, config), { mode: 0o600 });
  const { key, onEvent, onPid } = config;
  const about = { name, port, folder, binary: parts.runtime.workerd, key, onEvent, onPid };
  const onStart = (serial: number, why: Ending) =>
    writeFileSync(join(folder, "process.txt"), `${serial} ${why}`);
  return new WatchedProcess({ ...about, ...LIMITS[name], onStart, silenceMs: SILENCE_MS });
}

function configuration(
  name: string,
  port: number,
  { platform, key, deployDomain, allow }: IsolatesConfig,
): string {
  const networks = allow.map((one) => JSON.stringify(one)).join(", ");
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  ${v8Flags}
  services = [
    (name = "isolates", worker = .isolates),
    (name = "platform", external = (address = "${platform}", http = ())),
    (name = "egress", network = (allow = [${networks}], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (cfBlobHeader = "MF-CF-Blob"), service = "isolates")],
);
const isolates :Workerd.Worker = (
  modules = [(name = "isolates.js", esModule = embed "isolates.js")],
  compatibilityDate = "2026-10-01",
  bindings = [
    (name = "LOADER", workerLoader = ()),
    (name = "PLATFORM", service = "platform"),
    (name = "EGRESS", service = "egress"),
    (name = "INTERNAL_KEY", text = "${key}"),
    (name = "DEPLOY_DOMAIN", text = "${deployDomain}"),
    (name = "PLACE", text = "${name}"),
    (name = "PROCESS", text = embed "process.txt"),
  ],
  globalOutbound = "egress",
);
`;
}
