/** Runs one build: fetches its source, runs it as the process driver does, leaves its output and its result. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../clock.ts";
import type { BuildEnd, BuildJob } from "../../driver.ts";
import { ProcessDriver } from "../../process/index.ts";
import { POD, POD_ENV } from "../pod-contract.ts";
import { packFolder } from "../tar.ts";
import { type Env, Exchange, need, print } from "./exchange.ts";

type Told = Pick<BuildJob, "task" | "env" | "secrets">;
type Run = (job: BuildJob, signal: AbortSignal) => Promise<BuildEnd>;

export async function build(env: Env, runtime: string): Promise<void> {
  const work = need(env, POD_ENV.work);
  const driver = new ProcessDriver({
    home: join(work, "driver"),
    region: need(env, POD_ENV.region),
    host: "127.0.0.1",
    port: 0,
    origin: null,
    node: process.execPath,
    runtime,
    clock: systemClock(),
    random: Math.random,
  });
  await inPod(env, (job, signal) => driver.build(job, signal));
}

export async function inPod(env: Env, run: Run): Promise<void> {
  const [work, secret] = [need(env, POD_ENV.work), need(env, POD_ENV.secret)];
  const exchange = new Exchange(need(env, POD_ENV.bundle), secret);
  const told = JSON.parse(await readFile(join(secret, POD.material), "utf8")) as Told;
  const folder = (name: string): string => join(work, name);
  const [source, output, cache] = [folder("source"), folder("output"), folder("cache")];
  await exchange.fetch("/source", source);
  await exchange.fetch("/cache", cache);
  await mkdir(output, { recursive: true });
  const onLine: BuildJob["onLine"] = (level, text) => print({ function: null, level, text });
  const ending = new AbortController();
  process.once("SIGTERM", () => ending.abort());
  const end = await run({ ...told, source, output, cache, onLine }, ending.signal);
  if (end.ok) await exchange.leave("PUT", "/output", () => packFolder(output));
  // Without it the next build is slower, and no worse.
  await exchange
    .leave("PUT", "/cache", () => packFolder(cache))
    .catch((error: Error) => {
      onLine("warn", `the build's cache could not be kept: ${error.message}`);
    });
  await exchange.leave("POST", "/end", () => JSON.stringify(end));
}
