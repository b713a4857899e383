/** Project → policy. A project without one is public. */
import { SECOND } from "#core/time.ts";
import { type Policy, policyKey } from "#features/projects/policy.ts";
import type { Scope } from "../scope.ts";
import { Memo } from "./memo.ts";

const PUBLIC: Policy = { v: 1, version: 0, protection: "public" };

const memo = new Memo<Policy>(
  () => ({ fresh: 2 * SECOND, ageing: 30 * SECOND, backOff: SECOND }),
  SECOND,
  10_000,
  (held, found) => (found.version < held.version ? held : found),
);

export function findPolicy(scope: Scope, project: string): Promise<Policy> {
  return memo.get(project, scope.clock, scope.keepAlive, async () => {
    const policy = await scope.env.SNAPSHOTS.get<Policy>(policyKey(project), "json");
    if (policy && policy.v > 1) throw new Error(`policy of version ${policy.v}`);
    return policy ?? PUBLIC;
  });
}
