/**
 * What a region is to run: workloads by id, and the changes that led there, each with a cursor without a gap. A workload
 * ends by a tombstone only; absence never deletes. The rules know neither digests' functions nor where it is kept.
 */
import type { Change, Desired, Tombstone } from "@cloudify/protocol";
import { DAY, type Millis } from "#core/time.ts";
import type { Wanted } from "./rpc.ts";

/** Whoever is further behind than this gets a snapshot. */
export const KEEP_CHANGES = 1_000;
/** A tombstone that was applied stays for so long, for who comes back with an older state. */
export const KEEP_TOMBSTONES_MS = 7 * DAY;

export interface Buried {
  generation: number;
  at: Millis;
}

export interface Feed {
  /** Of the last change. */
  cursor: number;
  /** Oldest first, without a gap up to {@link Feed.cursor}. */
  changes: readonly Change[];
  items: ReadonlyMap<string, Desired>;
  tombstones: ReadonlyMap<string, Buried>;
}

export const emptyFeed: Feed = { cursor: 0, changes: [], items: new Map(), tombstones: new Map() };

/** What was wanted already in this form keeps its generation. */
export function desire(feed: Feed, wanted: readonly Wanted[]): Feed {
  let next = feed;
  for (const one of wanted) {
    if (isSame(next.items.get(one.id), one)) continue;
    const item: Desired = { ...one, generation: next.cursor + 1 };
    const tombstones = without(next.tombstones, one.id);
    const items = new Map(next.items).set(one.id, item);
    next = append({ ...next, items, tombstones }, { cursor: next.cursor + 1, type: "put", item });
  }
  return next;
}

export const forget = (feed: Feed, deployment: string, now: Millis): Feed =>
  bury(feed, [...feed.items.values()].filter((one) => one.deployment === deployment).map(idOf), now);

export const forgetAll = (feed: Feed, now: Millis): Feed => bury(feed, [...feed.items.keys()], now);

/**
 * An agent runs what nobody wants, and no tombstone says so any more: it gets one. Not for what is newer than all that
 * is known here: then it is this side that has forgotten.
 */
export function buryStrays(
  feed: Feed,
  reported: readonly { id: string; generation: number }[],
  now: Millis,
): Feed {
  const strays = reported.filter(
    ({ id, generation }) =>
      !feed.items.has(id) && !feed.tombstones.has(id) && generation > 0 && generation <= feed.cursor,
  );
  return bury(feed, [...new Set(strays.map(idOf))], now);
}

/** Lets go tombstones that are old and were applied; one that was not stays for as long as it takes. */
export function compact(feed: Feed, applied: number, now: Millis): Feed {
  const tombstones = new Map(
    [...feed.tombstones].filter(
      ([, { generation, at }]) => generation > applied || now < at + KEEP_TOMBSTONES_MS,
    ),
  );
  return tombstones.size === feed.tombstones.size ? feed : { ...feed, tombstones };
}

export type Since =
  | { kind: "snapshot"; cursor: number; items: Desired[]; tombstones: Tombstone[] }
  | { kind: "changes"; cursor: number; changes: Change[] };

/** @param after 0, or less: whoever asks knows nothing, and gets a snapshot; so does who is too far behind, or ahead. */
export function since(feed: Feed, after: number): Since {
  const { cursor, changes } = feed;
  const floor = cursor - changes.length;
  if (after <= 0 || after < floor || after > cursor) {
    const tombstones = [...feed.tombstones].map(([id, { generation }]) => ({ id, generation }));
    return { kind: "snapshot", cursor, items: [...feed.items.values()], tombstones };
  }
  return { kind: "changes", cursor, changes: changes.slice(after - floor) };
}

function bury(feed: Feed, ids: readonly string[], now: Millis): Feed {
  let next = feed;
  for (const id of ids) {
    const cursor = next.cursor + 1;
    const tombstones = new Map(next.tombstones).set(id, { generation: cursor, at: now });
    const items = without(next.items, id);
    next = append({ ...next, items, tombstones }, { cursor, type: "tombstone", id });
  }
  return next;
}

const append = (feed: Feed, change: Change): Feed => ({
  ...feed,
  cursor: change.cursor,
  changes: [...feed.changes, change].slice(-KEEP_CHANGES),
});

function without<T>(map: ReadonlyMap<string, T>, id: string): ReadonlyMap<string, T> {
  const rest = new Map(map);
  return rest.delete(id) ? rest : map;
}

const idOf = ({ id }: { id: string }): string => id;

const isSame = (held: Desired | undefined, one: Wanted): boolean =>
  held !== undefined &&
  held.team === one.team &&
  held.project === one.project &&
  held.deployment === one.deployment &&
  held.spec === one.spec &&
  held.env === one.env &&
  held.isWarm === one.isWarm;
