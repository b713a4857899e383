/** From a function's console.log to whoever reads its log: how late, and whether any is lost when the reader is cut. */
import { setTimeout as pause } from "node:timers/promises";
import { deployFunctions } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import type { TestPlatform } from "#tests/support/platform.ts";
import { quantile } from "./load.ts";
import { say, times } from "./report.ts";

const CUTS = times(20, 3);
/** Milliseconds between two lines. */
const PACE = 20;
/** Nothing is waited for longer than this. */
const LIMIT_MS = 30_000;

/** Its clock stands still while it runs: the time is that of the request's arrival, a moment before the line. */
const SPEAK = `export default (request) => {
  console.log("line", new URL(request.url).searchParams.get("n"), Date.now());
  return new Response("said");
};`;

export async function lines(platform: TestPlatform): Promise<void> {
  const { id } = await platform.client.request("POST /api/projects", { body: { name: "spoken" } });
  const { id: deployment } = await deployFunctions(platform.client, id, { speak: SPEAK });
  const write = async (n: number) =>
    (await get(`http://spoken.localhost:${platform.port}/speak?n=${n}`)).text();
  await write(-1);
  await latency(platform, deployment, write);
  await cuts(platform, deployment, write);
}

type Write = (n: number) => Promise<unknown>;

async function latency({ client }: TestPlatform, deployment: string, write: Write): Promise<void> {
  const count = times(300, 20);
  const late: number[] = [];
  const stop = AbortSignal.timeout(LIMIT_MS);
  const reading = (async () => {
    for await (const row of client.follow(deployment, 0, stop)) {
      const said = Number(/^line \d+ (\d+)$/.exec(row.text)?.[1] ?? Number.NaN);
      if (Number.isNaN(said)) continue;
      late.push(Date.now() - said);
      if (late.length === count) return;
    }
  })();
  for (let n = 0; n < count; n++) {
    await write(n);
    await pause(PACE);
  }
  await reading;
  say("log line to reader", {
    lines: count,
    p50: quantile(late, 0.5),
    p95: quantile(late, 0.95),
    goalP95: 300,
  });
}

/** The reader is cut in the midst of lines, and goes on behind the last one that it has. */
async function cuts({ client }: TestPlatform, deployment: string, write: Write): Promise<void> {
  const first = 1_000;
  const seen: number[] = [];
  let written = 0;
  let isCut = false;
  const writing = (async () => {
    for (; !isCut; written++) {
      await write(first + written);
      await pause(PACE / 4);
    }
  })();
  let cursor = 0;
  const read = async (signal: AbortSignal, isDone: () => boolean) => {
    try {
      for await (const row of client.follow(deployment, cursor, signal)) {
        cursor = row.seq;
        const n = Number(/^line (\d+) /.exec(row.text)?.[1] ?? -1);
        if (n >= first) seen.push(n - first);
        if (isDone()) return;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  };
  for (let cut = 0; cut < CUTS; cut++) {
    const stop = new AbortController();
    // Each at another moment, so that some cuts come between rows and some in the midst of one.
    setTimeout(() => stop.abort(), 150 + 37 * (cut % 5));
    await read(stop.signal, () => false);
  }
  isCut = true;
  await writing;
  const isAll = () => new Set(seen).size === written;
  if (!isAll()) await read(AbortSignal.timeout(LIMIT_MS), isAll);
  const lost = written - new Set(seen).size;
  say("log lines over cuts", { cuts: CUTS, lines: written, lost, doubled: seen.length - new Set(seen).size });
  if (lost > 0 || seen.length !== written) process.exitCode = 1;
}
