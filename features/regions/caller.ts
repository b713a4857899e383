/** An agent that calls: which region it says it is of, and how to act for the teams that the region works for. */
import { makeCommit } from "#core/commit.ts";
import type { Base, Ctx } from "#core/ctx.ts";
import { sha256 } from "#core/encoding.ts";
import type { Id } from "#core/ids.ts";
import type { RegionControl } from "./control.ts";
import { deniedProblem } from "./denied.ts";
import { regionOf } from "./secret.ts";
import { stubOf } from "./show.ts";

export interface Caller {
  base: Base;
  region: string;
  /** SHA-256; the object knows whether it holds. */
  credential: string;
  stub: DurableObjectStub<RegionControl>;
  requestId: string;
}

/** @throws Problem `unauthenticated` for what is no credential of that kind. */
export async function callerOf(
  base: Base,
  kind: "cfyr" | "cfya",
  secret: string,
  requestId: string,
): Promise<Caller> {
  const region = regionOf(kind, secret);
  if (region === null) throw deniedProblem({ ok: false, reason: "unauthenticated" });
  return { base, region, credential: await sha256(secret), stub: stubOf(base, region), requestId };
}

/** The region's agent, acting on what belongs to a team whose work it was given. */
export function contextFor({ base, region, requestId }: Caller, team: string): Ctx {
  const actor = { type: "agent" as const, id: region };
  const about = { team: team as Id<"team">, actor, requestId };
  return { ...base, ...about, commit: makeCommit({ ...base, ...about }) };
}
