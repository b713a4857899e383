/** Runs one build: fetches its source, runs it as the process driver does, leaves its output and its result. */
import { existsSync } from "node:fs";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BuildJob } from "../../driver.ts";
import { runBuild } from "../../process/build.ts";
import { POD, POD_ENV } from "../pod-contract.ts";
import { packFolder } from "../tar.ts";
import { type Env, Exchange, need, print } from "./exchange.ts";

type Told = Pick<BuildJob, "task" | "env" | "secrets" | "sensitive">;
/** @param program Path of the build program. */
export async function build(env: Env, program: string): Promise<void> {
  const [work, secret] = [need(env, POD_ENV.work), need(env, POD_ENV.secret)];
  const exchange = new Exchange(need(env, POD_ENV.bundle), secret);
  const told = JSON.parse(await readFile(join(secret, POD.material), "utf8")) as Told;
  const folder = (name: string): string => join(work, name);
  const [source, output, cache] = [folder("source"), folder("output"), folder("kept/cache")];
  await exchange.fetch("/source", source);
  await exchange.fetch("/cache", cache);
  await mkdir(output, { recursive: true });
  // The image's own, if it has them. What a pod installs goes with it: another team's build must not be handed it.
  const tools = join(dirname(program), "tools");
  if (existsSync(tools)) await symlink(tools, folder("kept/tools"));
  const onLine: BuildJob["onLine"] = (level, text) => print({ function: null, level, text });
  const ending = new AbortController();
  process.once("SIGTERM", () => ending.abort());
  const memoryBytes = Number(need(env, POD_ENV.memory));
  const options = { folder: folder("driver"), node: process.execPath, program, memoryBytes };
  const end = await runBuild(options, { ...told, source, output, cache, onLine }, ending.signal);
  // Nobody waits for it, and there is no time.
  if (ending.signal.aborted) process.exit(1);
  if (end.ok) await exchange.leave("PUT", "/output", () => packFolder(output));
  // Without it the next build is slower, and no worse.
  await exchange
    .leave("PUT", "/cache", () => packFolder(cache))
    .catch((error: Error) => {
      onLine("warn", `the build's cache could not be kept: ${error.message}`);
    });
  await exchange.leave("POST", "/end", () => JSON.stringify(end));
}
