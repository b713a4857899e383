/** What the router itself says in a deployment's log, behind the answer. */
import type { Call } from "#features/functions/call.ts";
import type { Mask } from "#features/logs/mask.ts";
import type { Scope } from "../scope.ts";
import { LogBuffer } from "./lines.ts";
import { knownMask, maskOf } from "./masks.ts";
import { writeLines } from "./sink.ts";
import type { Traced } from "./traced.ts";

const logs = new LogBuffer();

type About = Pick<Call, "team" | "deployment" | "name" | "env">;

/** Without its environment nothing is told of a call: the line might show it. */
export function tell(scope: Scope, about: About, lines: readonly Traced[]): void {
  const add = (mask: Mask) => logs.add(about, lines, mask, (batch) => writeLines(scope.env, batch));
  const known = knownMask(about.team, about.env);
  const written = known ? add(known) : maskOf(scope.env, about.team, about.env).then(add);
  if (written) scope.keepAlive(written.catch(() => undefined));
}
