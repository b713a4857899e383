/**
 * A function that holds its thread, and one that takes a gigabyte, each called once a second for a minute: what their
 * neighbour in the same process loses, how soon a static file answers meanwhile, and what their own callers are told.
 */
import { setTimeout as pause } from "node:timers/promises";
import { deployFunctions } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { quantile } from "./load.ts";
import { workerds } from "./processes.ts";
import { say, times } from "./report.ts";

const SECONDS = times(60, 4);
/** An answer that comes sooner was not waited for. */
const AT_ONCE_MS = 250;

const CULPRITS = {
  "spins without end": `export default () => { for (;;); }`,
  "takes a gigabyte": `export default () => {
    const held = [];
    for (let i = 0; i < 20; i++) held.push(new Uint8Array(5e7).fill(1));
    return new Response(String(held.length));
  };`,
};

const platform = new TestPlatform();
const at = (name: string, path: string) => `http://${name}.localhost:${platform.port}${path}`;
const platformPid = () => workerds().find(({ isPlatform }) => isPlatform)?.pid;

await platform.start();
try {
  await deploy("neighbour", { hello: `export default () => new Response("hello");` }, { "a.txt": "static" });
  for (const [i, [name, source]] of Object.entries(CULPRITS).entries()) {
    await deploy(`culprit-${i}`, { culprit: source });
    await minute(name, `culprit-${i}`);
  }
} finally {
  await platform.remove();
}

async function deploy(name: string, functions: Record<string, string>, files = {}): Promise<void> {
  const { id } = await platform.client.request("POST /api/projects", { body: { name } });
  await deployFunctions(platform.client, id, functions, {}, files);
}

async function minute(name: string, project: string): Promise<void> {
  const pid = platformPid();
  const ends = (platform.output.match(/"at":"watchdog"/g) ?? []).length;
  await Promise.all([ask("neighbour", "/hello"), ask("neighbour", "/a.txt")]);
  let isOver = false;
  const neighbour = steadily("/hello", () => isOver);
  const file = steadily("/a.txt", () => isOver);
  const calls: Promise<Answer>[] = [];
  for (let second = 0; second < SECONDS; second++) {
    calls.push(ask(project, "/culprit"));
    await pause(1_000);
  }
  const told = await Promise.all(calls);
  isOver = true;
  const [ofFunction, ofFile] = [await neighbour, await file];
  const kinds = told.map(
    (one) => `${one.status} ${one.code} ${one.ms < AT_ONCE_MS ? "at once" : "after a wait"}`,
  );
  const restarts = pid === platformPid() ? 0 : 1;
  say(`a function that ${name}`, {
    seconds: SECONDS,
    neighbour: { ...shown(ofFunction), goalFailed: 1 },
    file: { ...shown(ofFile), goalP95: 50 },
    callersWereTold: counted(kinds),
    longestWait: Math.round(Math.max(...told.map(({ ms }) => ms))),
    processesEnded: (platform.output.match(/"at":"watchdog"/g) ?? []).length - ends,
    platformRestarts: restarts,
  });
  if (failedOf(ofFunction) > 1 || failedOf(ofFile) > 0 || restarts > 0) process.exitCode = 1;
}

interface Answer {
  /** 0: the connection broke. */
  status: number;
  /** Of the problem, where there is one. */
  code: string;
  ms: number;
}

async function ask(name: string, path: string): Promise<Answer> {
  const startedAt = performance.now();
  try {
    const found = await get(at(name, path));
    const text = await found.text();
    const code = /"code":"(\w+)"/.exec(text)?.[1] ?? "-";
    return { status: found.status, code, ms: performance.now() - startedAt };
  } catch {
    return { status: 0, code: "-", ms: performance.now() - startedAt };
  }
}

/** One request after the other, with so short a pause that the machine is not filled by them. */
async function steadily(path: string, isOver: () => boolean): Promise<Answer[]> {
  const all: Answer[] = [];
  while (!isOver()) {
    all.push(await ask("neighbour", path));
    await pause(10);
  }
  return all;
}

function failedOf(all: readonly Answer[]): number {
  return all.filter(({ status }) => status !== 200).length;
}

function shown(all: readonly Answer[]) {
  const taken = all.map(({ ms }) => ms);
  const [p50, p95, worst] = [quantile(taken, 0.5), quantile(taken, 0.95), quantile(taken, 1)];
  return { requests: all.length, failed: failedOf(all), p50, p95, worst };
}

function counted(words: readonly string[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(words, (word) => word)].map(([word, all]) => [word, all.length]));
}
