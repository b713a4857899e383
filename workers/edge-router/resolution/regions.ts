/**
 * Regions by their ids. KV holds all of it, so nothing but KV is needed to find one; what was last read serves on when
 * it fails. An isolate never goes back to a lower version of a region, and one that is gone without a word is kept: a
 * region that was removed says so.
 */
import { type RegionSnapshot, regionKey } from "@cloudify/protocol";
import { SECOND } from "#core/time.ts";
import type { Scope } from "../scope.ts";
import { type Ages, Memo } from "./memo.ts";

/** How soon a drain is noticed where KV shows it at once. Elsewhere the ingress says so itself. */
const AGES: Ages = { fresh: SECOND, ageing: 60 * SECOND, backOff: SECOND };
/** It may be there in a moment. */
const ABSENT: Ages = { fresh: 250, ageing: 250, backOff: 250 };
/** Seconds that a location keeps what KV answered; KV takes no less. */
const KV_SECONDS = 30;
const MAX_REGIONS = 1_000;

/** A region that an ingress was ever known of can be asked. */
export type Region = RegionSnapshot & { ingress: string };

const snapshots = new Memo<RegionSnapshot | null>(
  (region) => (region ? AGES : ABSENT),
  SECOND,
  MAX_REGIONS,
  (held, found) => (held && (found === null || found.version < held.version) ? held : found),
);

/** @returns Those that have an ingress, in that order. */
export async function findRegions(scope: Scope, ids: readonly string[]): Promise<Region[]> {
  const { clock, keepAlive } = scope;
  const found = await Promise.all(
    ids.map((id) =>
      // One that can't be read is not there; it must not take the others with it.
      snapshots.get(id, clock, keepAlive, () => readRegion(scope, id)).catch(() => null),
    ),
  );
  return found.flatMap((region) =>
    region?.ingress && !region.isRemoved ? [{ ...region, ingress: region.ingress }] : [],
  );
}

async function readRegion({ env }: Scope, id: string): Promise<RegionSnapshot | null> {
  const region = await env.SNAPSHOTS.get<RegionSnapshot>(regionKey(id), {
    type: "json",
    cacheTtl: KV_SECONDS,
  });
  if (region && region.v !== 1) throw new Error(`region ${id} of version ${region.v}`);
  return region;
}
