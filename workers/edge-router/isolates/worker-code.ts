/** Compiled code → what Worker Loader takes. */
import { fromBase64 } from "#core/encoding.ts";
import type { LoadedCode } from "../functions/code.ts";
import { MAIN, shimOf } from "./shim.ts";

export const COMPATIBILITY_DATE = "2026-10-01";
export const COMPATIBILITY_FLAGS = ["nodejs_compat"] as const;

/** Milliseconds of CPU that one call may take; enforced by Cloudflare only. */
export const CPU_MS = 30_000;

export function workerCode({ code, env }: LoadedCode, globalOutbound: Fetcher): WorkerLoaderWorkerCode {
  const modules: Record<string, WorkerLoaderModule | string> = {};
  for (const [name, js] of Object.entries(shimOf(code, "fetch"))) modules[name] = { js };
  for (const [name, module] of Object.entries(code.modules)) {
    if ("wasm" in module) {
      const wasm = bytesOf(module.wasm);
      modules[name] = { wasm };
      // Bundlers for Vercel write the query of an import into the name.
      modules[`${name}?module`] = { wasm };
    } else if ("data" in module) modules[name] = { data: bytesOf(module.data) };
    else modules[name] = module;
  }
  return {
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: [...COMPATIBILITY_FLAGS],
    mainModule: MAIN,
    modules,
    env,
    globalOutbound,
    limits: { cpuMs: CPU_MS },
  };
}

const bytesOf = (base64: string): ArrayBuffer => fromBase64(base64).buffer;
