/** What may be done to an object, by its stamp and ours. Pure. */
import type { Stamp } from "../driver.ts";
import { isOurs, stampOf } from "./names.ts";
import type { KubeObject } from "./types.ts";

/**
 * `write`: nothing there, or nothing newer. `fenced`: somebody newer has been here. `foreign`: it is not ours to touch.
 */
export type Verdict = "write" | "fenced" | "foreign";

/**
 * Older in either part is older. An old epoch is a former holder's; an old generation is yesterday's wish, which the
 * present holder may have too, from its own disk, before the feed has told it better.
 */
export function judge(stored: KubeObject | null, stamp: Stamp): Verdict {
  if (!stored) return "write";
  const held = isOurs(stored) ? stampOf(stored) : null;
  if (!held) return "foreign";
  return stamp.epoch < held.epoch || stamp.generation < held.generation ? "fenced" : "write";
}
