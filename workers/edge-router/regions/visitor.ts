/** What a request says of who asks: it decides which region is nearest, and which of several that are equally near. */

import type { Policy } from "#features/projects/policy.ts";
import { placeOf, REGION_COOKIE, type Visitor } from "#features/regions/select.ts";
import type { Region } from "../resolution/regions.ts";

const KEPT = new RegExp(`(?:^|;\\s*)${REGION_COOKIE}=([\\w-]{1,64})(?:;|$)`);

/** @returns Name of the region that the visitor's cookie names, whatever that is. */
export const keptRegion = ({ headers }: Request): string | null =>
  KEPT.exec(headers.get("cookie") ?? "")?.[1] ?? null;

export function visitorOf(request: Request, policy: Policy, regions: readonly Region[]): Visitor {
  const name = policy.affinity === "region" ? keptRegion(request) : null;
  return {
    place: placeOf((request.cf ?? {}) as Record<string, unknown>),
    key: request.headers.get("cf-connecting-ip") ?? "",
    region: regions.find((one) => one.name === name)?.id ?? null,
  };
}
