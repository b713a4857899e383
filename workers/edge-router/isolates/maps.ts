/** Source maps of the functions that run here: read when a stack is written, kept for a while. */
import { AnyMap, originalPositionFor, type TraceMap } from "@jridgewell/trace-mapping";
import type { Call } from "#features/functions/call.ts";
import { hasFrames, type Locate, mapFrames } from "#features/functions/stacks.ts";

const MAX_KEPT = 32;

/** @returns Name of a module → its map. */
export type ReadMaps = (call: Call) => Promise<Record<string, string>>;

export class Maps {
  readonly #read: ReadMaps;
  /** The least recently used first. */
  readonly #kept = new Map<string, Promise<Map<string, TraceMap | string>>>();

  constructor(read: ReadMaps) {
    this.#read = read;
  }

  /** A line without a stack costs nothing; one whose maps can't be read stays as it is. */
  async map(call: Call, text: string): Promise<string> {
    if (!hasFrames(text)) return text;
    const key = `${call.team}/${call.code}`;
    const held = this.#kept.get(key) ?? this.#of(call);
    this.#kept.delete(key);
    this.#kept.set(key, held);
    for (const oldest of this.#kept.keys()) if (this.#kept.size > MAX_KEPT) this.#kept.delete(oldest);
    const maps = await held.catch(() => {
      this.#kept.delete(key);
      return new Map<string, TraceMap | string>();
    });
    return mapFrames(text, locateIn(maps));
  }

  async #of(call: Call): Promise<Map<string, TraceMap | string>> {
    return new Map(Object.entries(await this.#read(call)));
  }
}

const locateIn =
  (maps: Map<string, TraceMap | string>): Locate =>
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
function opened(maps: Map<string, TraceMap | string>, module: string): TraceMap | null {
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
