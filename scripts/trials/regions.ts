/**
 * `npm run trial:regions [REQUESTS_A_SECOND]`: three regions, as three agents that run a function for Node.js. Visitors of
 * twelve cities are answered by the nearest; then, under load, one agent is killed with all that it runs, and another is
 * stopped, as a frozen machine would be, and goes on later. Ends with 1 when a goal is missed.
 */
import { Load } from "#tests/support/load.ts";
import { signalTree, TestPlatform, until } from "#tests/support/platform.ts";
import { awayAfter, CITIES, type Name, nearest } from "./regions/cities.ts";
import { Fleet } from "./regions/fleet.ts";

const A_SECOND = Number(process.argv[2] ?? 200);
const POLL_MS = 250;
const NOTICED_MS = 15_000 + POLL_MS;
const AWAY_MS = 20_000;
const PATIENCE_MS = 120_000;

const platform = new TestPlatform();
const fleet = new Fleet(platform);
try {
  await fleet.start();
  const landed = await Promise.all(CITIES.map(async (_, n) => (await fleet.ask(n)).text()));
  const strays = CITIES.flatMap((city, n) =>
    landed[n] === nearest(city) ? [] : `${city.name} in ${landed[n]}, not ${nearest(city)}`,
  );
  const load = new Load((n) => fleet.ask(n), A_SECOND);
  await load.more(null, 5 * A_SECOND, PATIENCE_MS);
  const killed = await kill(load, "fra");
  console.error(JSON.stringify({ killed, strays, failures: load.failures.length }));
  const frozen = await freeze(load, "sin");
  await load.stop();
  const { failures, slowestMs, aSecond } = load;
  const goals = {
    "each city in its nearest region": strays.length === 0,
    "no request failed": failures.length === 0,
    "the load was as asked for": aSecond >= A_SECOND * 0.9,
    "loss noticed in time": Math.max(killed.noticedMs, frozen.noticedMs) <= NOTICED_MS,
    "visitors away in time": Math.max(killed.awayMs, frozen.awayMs) <= AWAY_MS,
    "late writes refused": frozen.lateWrite === "409 fenced" && frozen.said.length > 0,
  };
  const missed = Object.entries(goals).flatMap(([name, isMet]) => (isMet ? [] : name));
  const requests = { total: load.count(null), aSecond, failed: failures.length, slowestMs };
  const cities = { asked: CITIES.length, strays };
  console.log(JSON.stringify({ cities, requests, firstFailure: failures[0], killed, frozen, missed }));
  if (missed.length > 0) process.exitCode = 1;
} finally {
  await platform.remove();
}

/** The start script starts it again once its lease has lapsed, and 5 s later. */
async function kill(load: Load, name: Name) {
  const { pid, epoch } = await holder(name);
  const lostAt = Date.now();
  signalTree(pid, "SIGKILL");
  const noticedMs = await silence(name, lostAt);
  const awayMs = awayAfter(load.outcomes, name, lostAt, Date.now());
  return { noticedMs, awayMs, ...(await comeback(load, name, epoch, lostAt)) };
}

async function freeze(load: Load, name: Name) {
  const { pid, epoch } = await holder(name);
  const lostAt = Date.now();
  const stopped = signalTree(pid, "SIGSTOP");
  let lost: { noticedMs: number; awayMs: number; lateWrite: string };
  try {
    const noticedMs = await silence(name, lostAt);
    await until(async () => Date.now() > lostAt + AWAY_MS + POLL_MS, PATIENCE_MS);
    const awayMs = awayAfter(load.outcomes, name, lostAt, Date.now());
    lost = { noticedMs, awayMs, lateWrite: await fleet.write(name, epoch) };
  } finally {
    // Also when it went wrong: what is stopped can't be ended by those who guard it, since they are stopped too.
    for (const one of stopped.reverse()) process.kill(one, "SIGCONT");
  }
  const back = await comeback(load, name, epoch, Date.now());
  return { ...lost, said: fleet.said(name, epoch), ...back };
}

async function holder(name: Name): Promise<{ pid: number; epoch: number }> {
  const { agent, lease } = await fleet.region(name);
  if (!agent || !lease) throw new Error(`${name} has no agent`);
  return { pid: agent.pid, epoch: lease.epoch };
}

/** @returns Milliseconds until it was asked how the region does and said that nobody knows. */
function silence(name: Name, lostAt: number): Promise<number> {
  return until(async () => {
    const askedAt = Date.now();
    const { status } = await fleet.region(name);
    return status === "unknown" ? askedAt - lostAt : after(POLL_MS);
  }, PATIENCE_MS);
}

/** Acts again, in a later epoch, and answers visitors. */
async function comeback(load: Load, name: Name, epoch: number, since: number) {
  const epochs = await until(async () => {
    const { status, lease } = await fleet.region(name);
    return status === "up" && lease && lease.epoch > epoch ? [epoch, lease.epoch] : after(POLL_MS);
  }, PATIENCE_MS);
  const upMs = Date.now() - since;
  await load.more(name, A_SECOND, PATIENCE_MS);
  return { epochs, upMs, servesAgainMs: Date.now() - since };
}

function after(milliseconds: number): Promise<null> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, null));
}
