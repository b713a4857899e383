/** Makes an app, without its dependencies: those are for whoever builds it. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "#scripts/conformance/run.ts";
import type { App } from "./app.ts";

/** @returns Its folder, the only thing in a new folder. */
export async function make({ name, scaffold, files, without = [] }: App): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `cloudify-trial-${name}-`));
  const app = join(folder, "app");
  for (const [command = "", ...words] of scaffold) await run(command, words, folder);
  for (const path of without) await rm(join(app, path), { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(app, path)), { recursive: true });
    await writeFile(join(app, path), text);
  }
  return app;
}
