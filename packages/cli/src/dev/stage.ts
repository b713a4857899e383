/**
 * The private platform that a folder is served by while it is worked on: on loopback, on a home of its own in the
 * project, with one project in it. It is the platform that `npm start` starts; nothing in it is made for this.
 */
import { existsSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { HomeInUse, LocalPlatform, readCredentials, StartError } from "@cloudify/platform";
import { Client } from "@cloudify/sdk";
import { CliProblem } from "../problem.ts";
import { shippedParts } from "./parts.ts";

const PROJECT = "site";
/** Code under development may reach the developer's own services. */
const NETWORKS = ["public", "private"];
const KEPT_OUTPUT = 4_000;

export interface Stage {
  client: Client;
  /** Id of the one project. */
  project: string;
  /** Port of the platform's door on 127.0.0.1; the site answers there at every host but that of the API. */
  port: number;
  stop(): Promise<void>;
}

export interface StageEvents {
  /** A process of functions was ended and started again. */
  onRestart(why: string): void;
  /** The door has ended, which it should not. */
  onEnd(): void;
}

/** @throws CliProblem */
export async function startStage(root: string, { onRestart, onEnd }: StageEvents): Promise<Stage> {
  const home = join(root, ".cloudify/dev");
  let last = "";
  const platform = new LocalPlatform({
    config: {
      port: 0,
      host: "127.0.0.1",
      home,
      site: `${PROJECT}.localhost`,
      without: new Set(),
      testCf: false,
      clockOffset: 0,
    },
    parts: await shippedParts(),
    allow: NETWORKS,
    onOutput: (chunk) => {
      last = (last + chunk.toString()).slice(-KEPT_OUTPUT);
    },
    onEvent: ({ at, why }) => {
      if (at === "watchdog") onRestart(String(why));
    },
    onLocked: () => clear(home),
  });
  const stop = async () => {
    await platform.stop();
    forget(home);
  };
  try {
    const { api, port } = await platform.start(onEnd);
    const client = new Client({ api, token: readCredentials(home)?.token ?? "" });
    const { id } = await client.request("POST /api/projects", { body: { name: PROJECT } });
    return { client, project: id, port, stop };
  } catch (error) {
    // Another's home is not ours to remove.
    await (error instanceof HomeInUse ? platform.stop() : stop());
    throw explained(error, root, last);
  }
}

/** What an earlier session left is of no use: the folder itself is the truth. */
function clear(home: string): void {
  for (const name of readdirSync(home))
    if (name !== "lock.json") rmSync(join(home, name), { recursive: true, force: true });
  // Git leaves it alone, whatever the project's own rules are.
  writeFileSync(join(home, ".gitignore"), "*\n");
}

function forget(home: string): void {
  rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  const folder = dirname(home);
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}

function explained(error: unknown, root: string, output: string): unknown {
  if (error instanceof HomeInUse) {
    const fix = `Stop it first (kill ${error.pid}), or serve another folder.`;
    return new CliProblem("in_use", `cloudify dev runs on ${root} already, as process ${error.pid}.`, fix);
  }
  if (!(error instanceof StartError)) return error;
  return new CliProblem(
    "not_started",
    `${error.message}${output === "" ? "" : `\n${output}`}`,
    "Free what it names, and start again.",
  );
}
