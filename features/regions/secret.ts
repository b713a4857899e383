/**
 * The secrets of a region: its token, `cfyr_…`, and its agent's credential, `cfya_…`. Each carries the region's id, so that
 * whoever is shown one knows which object to ask, without a look-up. Its ingress key is not shown to anybody but its agent.
 */
import { regionKey } from "@cloudify/protocol";
import type { Base } from "#core/ctx.ts";
import { hex } from "#core/encoding.ts";
import { seal } from "#core/seal.ts";
import type { Random } from "#core/time.ts";
import { drawSecret } from "#features/accounts/secret.ts";

type Kind = "cfyr" | "cfya";

/** @param region `rgn_…` */
export const newRegionSecret = (kind: Kind, region: string, random: Random): string =>
  `${kind}_${region.slice(region.indexOf("_") + 1)}_${drawSecret(random)}`;

const KEY_BYTES = 32;

/** @returns A new ingress key, and the same sealed for the edge. */
export async function drawIngressKey({ edgeKeys, random }: Base, region: string) {
  const key = hex(random.bytes(KEY_BYTES));
  return { key, sealed: await seal(edgeKeys, key, regionKey(region), random) };
}

/** @returns The region's id, or `null` for what is no such secret. */
export function regionOf(kind: Kind, secret: string): string | null {
  const found = /^(cfy[ra])_([0-9a-z]{26})_[0-9A-Za-z]{40}$/.exec(secret);
  return found?.[1] === kind ? `rgn_${found[2]}` : null;
}
