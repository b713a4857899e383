/** `cloudify dev`: a private platform, what is made of the folder on it, and the address in front, until Ctrl-C. */
import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { TREE } from "@cloudify/builder";
import type { Context } from "../context.ts";
import { type Fault, thrownFault } from "./fault.ts";
import { Front } from "./front.ts";
import { type Line, Lines } from "./lines.ts";
import { listen } from "./listen.ts";
import { Rounds } from "./rounds.ts";
import { Screen } from "./screen.ts";
import { mapStack } from "./stack.ts";
import { startStage } from "./stage.ts";
import { watchFolders } from "./watch.ts";

export interface DevOptions {
  /** Absolute. */
  root: string;
  /** `null`: the usual one, or the next that is free. */
  port: number | null;
  output: string | null;
  isBuild: boolean;
}

export async function serve(context: Context, { root, port, output, isBuild }: DevOptions): Promise<void> {
  const startedAt = performance.now();
  const screen = new Screen(context.out);
  const stops: (() => unknown)[] = [];
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const onSignal = signals(end);
  try {
    const front = new Front({
      platform: () => stage.port,
      server: () => rounds.server,
      onServed: (served) => screen.served(served),
      explain: async (request, since) => {
        const line = await lines.failureOf(request, since);
        return line && explained(line, rounds, root);
      },
    });
    front.hold();
    // First, since a port that is taken should not take seconds to be told.
    const door = await listen(front, port);
    stops.push(
      () => door.close(),
      () => front.close(),
    );
    if (door.isOther) screen.note(`Port 3000 is taken by another program: this is ${door.port}`);
    const stage = await startStage(root, {
      onRestart: (why) => screen.note(`A function's process ${why}; it was ended and started again`),
      onEnd: end,
    });
    stops.push(() => stage.stop());
    const lines = new Lines(stage.client, async (line) => {
      const fault = line.level === "error" ? await explained(line, rounds, root) : null;
      // What has no place in the project is shown as it is.
      if (fault?.place) screen.fault(fault);
      else screen.line(line);
    });
    stops.push(() => lines.stop());
    const rounds = new Rounds({
      root,
      output,
      isBuild,
      stage,
      screen,
      onReleased: (deployment) => lines.follow(deployment),
      onSettled: (fault) => front.release(fault),
    });
    stops.push(() => rounds.stop());
    const tree = output === null ? join(root, TREE) : resolve(output);
    const watching = await watchFolders([root, tree], {
      isMade: (path) => rounds.isMade(path),
      onSeen(path) {
        rounds.expect(path);
        front.hold();
      },
      onChanged(paths) {
        // A round that has ended meanwhile may have let requests go.
        front.hold();
        void rounds.run(paths);
      },
      onError: (error) => screen.note(`Some changes will not be seen: ${String(error)}`),
    });
    stops.push(() => watching.stop());
    const isServed = await Promise.race([rounds.run(null).then(() => true), ended.then(() => false)]);
    if (!isServed) return;
    const url = `http://localhost:${door.port}`;
    const ms = Math.round(performance.now() - startedAt);
    context.out.result({ url, ms }, `${basename(root)} is at ${url} (started in ${ms} ms); Ctrl-C ends it`);
    await ended;
  } finally {
    for (const stop of stops.reverse()) await stop();
    onSignal();
  }
}

/** @returns What forgets them. */
function signals(end: () => void): () => void {
  let count = 0;
  const onSignal = () => {
    if (count++ > 0) process.exit(130);
    end();
  };
  const all = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const one of all) process.on(one, onSignal);
  return () => {
    for (const one of all) process.off(one, onSignal);
  };
}

/** An error that a function has written → the place in the sources. */
async function explained({ name, text }: Line, rounds: Rounds, root: string): Promise<Fault> {
  const path = `functions/${name}.func/index.js.map`;
  const from = rounds.output?.files.find((file) => file.path === path)?.from;
  // While a tree is built anew, its files are not there.
  const bytes = typeof from === "string" ? await readFile(from).catch(() => null) : from;
  const { message, places } = mapStack(text, bytes ? Buffer.from(bytes).toString("utf8") : null, root);
  return thrownFault(message, places, root);
}
