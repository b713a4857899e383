/** A process driver with real children, and what one says to it: files by their text, wishes by what is to be run. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  WORKLOAD_PREFIX,
  type WorkloadFile,
  type WorkloadSpec,
  type WorkloadStatus,
} from "@cloudify/protocol";
import { ROOT } from "#scripts/platform/parts.ts";
import { systemClock } from "../../packages/agent/clock.ts";
import type { Wish, WorkloadLine } from "../../packages/agent/driver.ts";
import { ProcessDriver, type ProcessOptions } from "../../packages/agent/process/index.ts";

const KEY = "the key of this region";

export interface Told {
  deployment?: string;
  generation?: number;
  isWarm?: boolean;
  memory?: number;
  env?: Record<string, string>;
  secrets?: string[];
}

/** @param before One that has ended, whose home and ears this has. */
export async function startRegion(
  options: Partial<ProcessOptions> = {},
  before?: { home: string; statuses: WorkloadStatus[]; lines: WorkloadLine[] },
) {
  const { home, statuses, lines } = before ?? {
    home: mkdtempSync(join(tmpdir(), "region-")),
    statuses: [],
    lines: [],
  };
  const driver = new ProcessDriver({
    home: join(home, "driver"),
    region: "fra",
    host: "127.0.0.1",
    port: 0,
    origin: null,
    node: process.execPath,
    runtime: join(ROOT, "packages/agent/runtime/main.ts"),
    build: join(ROOT, "packages/agent/build/main.ts"),
    buildMemoryBytes: 512 * 1_024 * 1_024,
    clock: systemClock(),
    random: Math.random,
    ...options,
  });
  let key = KEY;
  const blob = (sha256: string) => join(home, sha256);
  await driver.start(
    () => key,
    { fileOf: async (_team, sha256) => blob(sha256) },
    {
      onStatus: (status) => statuses.push(status),
      onLine: (line) => lines.push(line),
    },
  );
  const file = (text: string): WorkloadFile => {
    const sha256 = createHash("sha256").update(text).digest("hex");
    writeFileSync(blob(sha256), text);
    return { sha256, size: Buffer.byteLength(text) };
  };
  const wish = (run: WorkloadSpec["run"], files: Record<string, string>, told: Told = {}): Wish => {
    const { deployment = "dpl1", generation = 1, isWarm = true, memory = 128, env = {}, secrets = [] } = told;
    const held = Object.fromEntries(Object.entries(files).map(([path, text]) => [path, file(text)]));
    const spec: WorkloadSpec = { v: 1, group: "node", node: 24, memory, run, files: held };
    const about = { id: `${deployment}.node`, generation, team: "team1", project: "prj1", deployment };
    return {
      id: about.id,
      stamp: { epoch: 1, generation },
      isWarm,
      material: { ...about, spec, env, secrets },
    };
  };
  const never = new AbortController().signal;
  return {
    driver,
    statuses,
    lines,
    home,
    file,
    wish,
    apply: (one: Wish) => driver.apply(one, never),
    /** A program that is a server by itself, in one file. */
    service: (program: string, told?: Told) =>
      wish({ kind: "service", command: "node server.mjs", maxDuration: 60 }, { "server.mjs": program }, told),
    url: (path: string, deployment = "dpl1") =>
      `${driver.ingress}${WORKLOAD_PREFIX}${deployment}/node${path}`,
    ask(path: string, init: RequestInit = {}, deployment = "dpl1") {
      const headers = { "x-cloudify-ingress-key": KEY, ...(init.headers as Record<string, string>) };
      return fetch(this.url(path, deployment), { ...init, headers });
    },
    exchangeKey(next: string): void {
      key = next;
    },
    /** The last that was said of it. */
    said: (deployment = "dpl1") => statuses.findLast(({ id }) => id === `${deployment}.node`),
    async stop() {
      await driver.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

export type Region = Awaited<ReturnType<typeof startRegion>>;

/** A server that answers with a text. */
export const answering = (text: string, more = ""): string =>
  `import { createServer } from "node:http";
${more}
createServer((req, res) => res.end(${JSON.stringify(text)})).listen(process.env.PORT);`;
