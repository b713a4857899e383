/** The platform's parts, as they lie beside the installed CLI; see scripts/build-cli.ts. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Migration, Parts } from "@cloudify/platform";
import { CliProblem } from "../problem.ts";

const FOLDER = fileURLToPath(new URL("./platform/", import.meta.url));

const read = (name: string): Promise<string> => readFile(join(FOLDER, name), "utf8");

/** @throws CliProblem when what runs them is not installed. */
export async function shippedParts(): Promise<Parts> {
  const runtime = await loadRuntime();
  const { seed } = (await import(pathToFileURL(join(FOLDER, "seed.mjs")).href)) as Pick<Parts, "seed">;
  return {
    runtime,
    worker: async (name) => ({
      code: await read(`${name}.mjs`),
      options: JSON.parse(await read(`${name}.json`)) as Record<string, unknown>,
    }),
    isolates: () => read("isolates.mjs"),
    gate: { code: () => read("gate.mjs"), plugin: join(FOLDER, "gate-plugin.mjs") },
    // Single functions are sent to a platform; here they are bundled before they get there.
    bundler: null,
    migrations: async () => JSON.parse(await read("migrations.json")) as Migration[],
    seed,
  };
}

async function loadRuntime(): Promise<Parts["runtime"]> {
  try {
    const [miniflare, workerd] = await Promise.all([import("miniflare"), import("workerd")]);
    return { miniflare, workerd: workerd.default.default };
  } catch (error) {
    throw new CliProblem(
      "no_runtime",
      `What runs Workers on this machine can't be loaded: ${String(error)}`,
      "Install the CLI again, with its dependencies and their install scripts.",
    );
  }
}
