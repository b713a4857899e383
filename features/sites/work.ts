/** What a compile is given besides its input. */
import type { Places } from "./function-regions.ts";
import type { Shares } from "./shares.ts";

export interface Work {
  /** Called between pieces of work: a compile that lasts must say that it lives. Throws when it was given up. */
  alive(): Promise<void>;
  /** None of its own: there is nothing for functions that only some requests need. */
  places: Places;
  /** Of all compiles of this Worker together. */
  memory: Shares;
}
