/**
 * The process that bundles functions from source: esbuild holds its thread while it works, which the platform's own
 * process must not. Nothing is bound to it, and it reaches no network.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Parts } from "./parts.ts";
import { type Watched, WatchedProcess } from "./watched.ts";

/** A large source takes seconds; what takes longer than the API waits is ended. */
const SILENCE_MS = 30_000;

/** @param folder Of this process alone. */
export async function startBundler(
  port: number,
  folder: string,
  config: Pick<Watched, "onEvent" | "onPid">,
  bundler: NonNullable<Parts["bundler"]>,
  binary: string,
): Promise<WatchedProcess> {
  const { code, wasm } = await bundler();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "bundler.js"), code);
  writeFileSync(join(folder, "esbuild.wasm"), wasm);
  writeFileSync(join(folder, "config.capnp"), configuration(port));
  const about = { name: "bundler", port, folder, binary, key: "", silenceMs: SILENCE_MS };
  return new WatchedProcess({ ...about, ...config });
}

const configuration = (port: number): string => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "bundler", worker = .bundler), (name = "nowhere", network = (allow = []))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "bundler")],
);
const bundler :Workerd.Worker = (
  modules = [
    (name = "bundler.js", esModule = embed "bundler.js"),
    (name = "esbuild-wasm/esbuild.wasm", wasm = embed "esbuild.wasm"),
  ],
  compatibilityDate = "2026-10-01",
  # esbuild's program is of several requests: that it has died must reach the one that is under way.
  compatibilityFlags = ["nodejs_compat", "no_handle_cross_request_promise_resolution"],
  globalOutbound = "nowhere",
);
`;
