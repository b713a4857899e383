/** KV: one truth, and copies of it at each router that lag by up to a minute. No copy goes back. */
import type { Chance } from "./chance.ts";
import type { Timeline } from "./timeline.ts";

interface Version {
  at: number;
  value: unknown;
}

const LAG_MS = 60_000;

export class Kv {
  #timeline: Timeline;
  #chance: Chance;
  #versions = new Map<string, Version[]>();
  /** Router and key → which version it has, and until when it looks no further. */
  #copies = new Map<string, { index: number; until: number }>();

  constructor(timeline: Timeline, chance: Chance) {
    this.#timeline = timeline;
    this.#chance = chance;
  }

  put(key: string, value: unknown): void {
    const copy: unknown = JSON.parse(JSON.stringify(value ?? null));
    this.#versions.set(key, [...(this.#versions.get(key) ?? []), { at: this.#timeline.now, value: copy }]);
  }

  remove(key: string): void {
    this.put(key, null);
  }

  read<T>(router: string, key: string): T | null {
    const versions = this.#versions.get(key) ?? [];
    const place = `${router} ${key}`;
    const held = this.#copies.get(place);
    if (held && this.#timeline.now < held.until) return (versions[held.index]?.value ?? null) as T | null;
    const index = versions.length - 1;
    this.#copies.set(place, { index, until: this.#timeline.now + this.#chance.between(0, LAG_MS) });
    return (versions[index]?.value ?? null) as T | null;
  }
}
