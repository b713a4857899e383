/**
 * The secrets of a region: its token, `cfyr_…`, and its agent's credential, `cfya_…`. Each carries the region's id, so that
 * whoever is shown one knows which object to ask, without a look-up.
 */
import type { Random } from "#core/time.ts";
import { drawSecret } from "#features/accounts/secret.ts";

type Kind = "cfyr" | "cfya";

/** @param region `rgn_…` */
export const newRegionSecret = (kind: Kind, region: string, random: Random): string =>
  `${kind}_${region.slice(region.indexOf("_") + 1)}_${drawSecret(random)}`;

/** @returns The region's id, or `null` for what is no such secret. */
export function regionOf(kind: Kind, secret: string): string | null {
  const found = /^(cfy[ra])_([0-9a-z]{26})_[0-9A-Za-z]{40}$/.exec(secret);
  return found?.[1] === kind ? `rgn_${found[2]}` : null;
}
