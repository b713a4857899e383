/** Source maps of the functions that run here: read when a stack is written, kept for a while. */
import { AnyMap, originalPositionFor, type TraceMap } from "@jridgewell/trace-mapping";
import type { Call } from "#features/functions/call.ts";
import { MAX_MAP_COST } from "#features/functions/maps.ts";
import { hasFrames, type Locate, mapFrames } from "#features/functions/stacks.ts";
import { Lru } from "../storage/lru.ts";

/** Characters of maps, of which each takes some twenty bytes of what all functions share: as much as one may have. */
const KEPT = MAX_MAP_COST;
/** One that has no map takes a place too. */
const LEAST = 1_000;

/** @returns Name of a module → its map. */
export type ReadMaps = (call: Call) => Promise<Record<string, string>>;

/** Those that have not been looked at are text. */
type Opened = Map<string, TraceMap | string>;

export class Maps {
  readonly #read: ReadMaps;
  readonly #kept = new Lru<Promise<Opened>>(KEPT);

  constructor(read: ReadMaps) {
    this.#read = read;
  }

  /** A line without a stack costs nothing; one whose maps can't be read stays as it is. */
  async map(call: Call, text: string): Promise<string> {
    if (!hasFrames(text)) return text;
    const key = `${call.team}/${call.code}`;
    const maps = await (this.#kept.get(key) ?? this.#keep(key, call)).catch(() => new Map());
    return mapFrames(text, locateIn(maps));
  }

  #keep(key: string, call: Call): Promise<Opened> {
    const reading = this.#read(call).then((maps) => {
      const weight = Object.values(maps).reduce((sum, text) => sum + text.length, 0);
      this.#kept.set(key, reading, Math.max(LEAST, weight));
      return new Map(Object.entries(maps));
    });
    this.#kept.set(key, reading, LEAST);
    reading.catch(() => this.#kept.remove(key));
    return reading;
  }
}

const locateIn =
  (maps: Opened): Locate =>
  (module, line, column) => {
    const map = opened(maps, module);
    if (!map) return null;
    try {
      const found = originalPositionFor(map, { line, column: column - 1 });
      if (found.source === null) return null;
      return { source: shown(found.source), line: found.line, column: found.column + 1 };
    } catch {
      // Customers' maps are only JSON until they are asked.
      maps.delete(module);
      return null;
    }
  };

/** Decoded when its module first stands in a stack. */
function opened(maps: Opened, module: string): TraceMap | null {
  const held = maps.get(module);
  if (held === undefined || typeof held !== "string") return held ?? null;
  try {
    const map = AnyMap(held, module);
    maps.set(module, map);
    return map;
  } catch {
    maps.delete(module);
    return null;
  }
}

/** Bundlers write where a source lies from where they stood: `webpack:///./src/a.ts`, `../../src/a.ts`. */
const shown = (source: string): string =>
  source.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*\//i, "").replace(/^(?:\.{1,2}\/)+/, "");
