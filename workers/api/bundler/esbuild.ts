/** esbuild's program, and what to do when it dies of a source: the next bundling begins with a fresh one. */
import type { BuildFailure, BuildOptions, BuildResult } from "esbuild-wasm";
import wasm from "esbuild-wasm/esbuild.wasm";
import { build, initialize, stop } from "esbuild-wasm/esm/browser.js";

/** A program that has ended in the middle may say nothing more. The API waits longer, and so does the watchdog. */
const SILENT_MS = 20_000;

let ready: Promise<void> | null = null;
let isLost = false;

/** Whether no program can be started here any more: only another process can help. */
export const isBroken = (): boolean => isLost;

type Built<O extends BuildOptions> =
  | { ok: true; result: BuildResult<O> }
  | { ok: false; error: BuildFailure };

/** @returns `null` when the program died of it. @throws When it can't be started. */
export async function run<O extends BuildOptions>(options: O): Promise<Built<O> | null> {
  ready ??= initialize({ wasmModule: wasm, worker: false }).catch((error: unknown) => {
    isLost = true;
    throw error;
  });
  await ready;
  try {
    const result = await Promise.race([build<O>(options as never), silence()]);
    return { ok: true, result };
  } catch (error) {
    if (isBuildFailure(error)) return { ok: false, error };
    console.warn(JSON.stringify({ level: "warn", at: "bundler", error: String(error) }));
    await stop();
    ready = null;
    return null;
  }
}

async function silence(): Promise<never> {
  await scheduler.wait(SILENT_MS);
  throw new Error(`esbuild has said nothing for ${SILENT_MS} ms`);
}

const isBuildFailure = (error: unknown): error is BuildFailure =>
  error instanceof Error && Array.isArray((error as Partial<BuildFailure>).errors);
