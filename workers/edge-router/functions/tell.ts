/** What the router itself says in a deployment's log, behind the answer. */
import type { Call } from "#features/functions/call.ts";
import type { Scope } from "../scope.ts";
import { LogBuffer } from "./lines.ts";
import { maskOf } from "./masks.ts";
import { writeLines } from "./sink.ts";
import type { Traced } from "./traced.ts";

const logs = new LogBuffer();

type About = Pick<Call, "team" | "deployment" | "name" | "env">;

export function tell(scope: Scope, about: About, lines: readonly Traced[]): void {
  scope.keepAlive(write(scope, about, lines).catch(() => undefined));
}

/** Without its environment nothing is told of a call: the line might show it. */
async function write(scope: Scope, about: About, lines: readonly Traced[]): Promise<void> {
  const mask = await maskOf(scope.env, about.team, about.env);
  await logs.add(about, lines, mask, (deployment, batch) => writeLines(scope.env, deployment, batch));
}
