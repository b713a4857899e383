/** What a compile is given besides its input. */
import type { Shares } from "./shares.ts";

export interface Work {
  /** Called between pieces of work: a compile that lasts must say that it lives. Throws when it was given up. */
  alive(): Promise<void>;
  /** Whether a region is there for functions that only some requests need. */
  hasRegion: boolean;
  /** Of all compiles of this Worker together. */
  memory: Shares;
}
