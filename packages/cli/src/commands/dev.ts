/** `dev`: its flags, and a Node that can run it. What it does is in dev/session.ts, which is loaded only here. */
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { Context } from "../context.ts";
import { nodeFor, runWith } from "../dev/node.ts";
import { CliProblem } from "../problem.ts";

export interface DevFlags {
  port?: string;
  output?: string;
  build?: boolean;
}

export const devFlags = (command: Command): Command =>
  command
    .addOption(
      new Option("--port <port>", "port to listen on; default 3000 or the next free").env("CLOUDIFY_PORT"),
    )
    .addOption(new Option("--output <dir>", "serve a Build Output tree as it is").env("CLOUDIFY_OUTPUT"))
    .addOption(
      new Option("--build", "build as a deployment does, without the framework's own server").env(
        "CLOUDIFY_BUILD",
      ),
    );

export async function dev(context: Context, folder = ".", flags: DevFlags): Promise<void> {
  const port = flags.port === undefined ? null : Number(flags.port);
  if (port !== null && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new CliProblem(
      "invalid_port",
      `${flags.port} is not a port.`,
      "Give a number from 0 to 65535 (0: any that is free).",
      2,
    );
  }
  const node = await nodeFor(process.versions.node, process.execPath);
  if (node !== process.execPath) {
    process.exitCode = await runWith(node);
    return;
  }
  const { serve } = await import("../dev/session.ts");
  const { output = null, build = false } = flags;
  await serve(context, { root: resolve(folder), port, output, isBuild: build });
}
