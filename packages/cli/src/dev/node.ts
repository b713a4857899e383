/** Which Node runs `cloudify dev`: the one that runs us, or a newer one that npm's `node` package has put nearby. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CliProblem } from "../problem.ts";

/** Miniflare, which runs the Workers, needs it. */
const NEEDED = 22;

const majorOf = (version: string): number => Number.parseInt(version.replace(/^v/, ""), 10);

/** @param version Of the Node that runs us. @returns The path of a Node that is new enough. @throws CliProblem */
export async function nodeFor(version: string, own: string): Promise<string> {
  if (majorOf(version) >= NEEDED) return own;
  for (const start of [process.cwd(), dirname(fileURLToPath(import.meta.url))]) {
    for (let folder = start; ; folder = dirname(folder)) {
      const path = join(folder, "node_modules/.bin/node");
      const found = await promisify(execFile)(path, ["--version"]).catch(() => null);
      if (found && majorOf(found.stdout) >= NEEDED) return path;
      if (folder === dirname(folder)) break;
    }
  }
  throw new CliProblem(
    "node_too_old",
    `cloudify dev needs Node ${NEEDED} or later; this is Node ${version}. The other commands run on it.`,
    "Install a newer Node, or run `npm install --save-dev node@24` in the project: it is found there.",
  );
}

/** Hands the whole call over. @returns Its exit code. */
export async function runWith(node: string): Promise<number> {
  const child = spawn(node, process.argv.slice(1), { stdio: "inherit" });
  const passOn = (signal: NodeJS.Signals) => void child.kill(signal);
  // Ctrl-C in a terminal reaches both of us.
  const onInterrupt = process.stdin.isTTY ? () => undefined : passOn;
  process.on("SIGTERM", passOn).on("SIGHUP", passOn).on("SIGINT", onInterrupt);
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}
