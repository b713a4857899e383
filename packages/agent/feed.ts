/**
 * What the region is to run, as it was told: taken in answer by answer. What is not named is not ended; only a tombstone
 * ends a workload. Pure.
 */
import { type Desired, digestText, type FeedAnswer } from "@cloudify/protocol";
import { sha256 } from "./state.ts";

export interface Feed {
  /** Up to where it was told; 0: it was told nothing yet. */
  cursor: number;
  items: ReadonlyMap<string, Desired>;
  /** Not named by the last snapshot, nor by a tombstone: they run on, and count in no digest. */
  kept: ReadonlyMap<string, Desired>;
}

export const emptyFeed: Feed = { cursor: 0, items: new Map(), kept: new Map() };

export type Todo =
  | { type: "put"; item: Desired }
  /** `generation`: of the tombstone. */
  | { type: "tombstone"; id: string; generation: number };

export type Taken =
  | {
      ok: true;
      feed: Feed;
      /** In the order in which they were told. */
      todo: Todo[];
      /** Of what is desired now, by our own count. */
      digest: string;
      /** Both sides do not come to the same: a snapshot is needed. */
      isDiverged: boolean;
    }
  | { ok: false; reason: "shrunken" | "gap" | "damaged"; detail: string };

/** A snapshot that names less than this share of what is known, without tombstones for the rest, is not believed. */
const BELIEVABLE_SHARE = 0.5;

export const digestOf = (items: Iterable<Desired>): string => sha256(digestText(items));

export function take(feed: Feed, answer: FeedAnswer): Taken {
  switch (answer.kind) {
    case "snapshot":
      return takeSnapshot(feed, answer);
    case "changes":
      return takeChanges(feed, answer);
  }
}

function takeSnapshot(feed: Feed, answer: Extract<FeedAnswer, { kind: "snapshot" }>): Taken {
  if (digestOf(answer.items) !== answer.digest)
    return { ok: false, reason: "damaged", detail: "The snapshot does not match its own digest." };
  const known = new Map([...feed.kept, ...feed.items]);
  const named = new Map(answer.items.map((item) => [item.id, item]));
  const buried = new Map(answer.tombstones.map(({ id, generation }) => [id, generation]));
  const missing = [...feed.items.values()].filter(({ id }) => !named.has(id) && !buried.has(id));
  if (missing.length > feed.items.size * BELIEVABLE_SHARE) {
    const detail = `The snapshot leaves out ${missing.length} of ${feed.items.size} workloads without a tombstone.`;
    return { ok: false, reason: "shrunken", detail };
  }
  const todo: Todo[] = [];
  const items = new Map<string, Desired>();
  for (const item of answer.items) {
    const held = known.get(item.id);
    // An older word than one that was heard already.
    const newest = held && held.generation > item.generation ? held : item;
    items.set(item.id, newest);
    todo.push({ type: "put", item: newest });
  }
  const kept = new Map<string, Desired>();
  for (const [id, item] of known) {
    if (named.has(id)) continue;
    const generation = buried.get(id);
    if (generation === undefined || generation < item.generation) kept.set(id, item);
    else todo.push({ type: "tombstone", id, generation });
  }
  // Of what is not known here too: a process before this one may have left it.
  for (const [id, generation] of buried) {
    if (!known.has(id) && !named.has(id)) todo.push({ type: "tombstone", id, generation });
  }
  const digest = digestOf(items.values());
  return {
    ok: true,
    feed: { cursor: answer.cursor, items, kept },
    todo,
    digest,
    // Not again at once for a word that is older than ours: the next snapshot would say the same.
    isDiverged: false,
  };
}

function takeChanges(feed: Feed, answer: Extract<FeedAnswer, { kind: "changes" }>): Taken {
  const items = new Map(feed.items);
  const kept = new Map(feed.kept);
  const todo: Todo[] = [];
  let cursor = feed.cursor;
  for (const change of answer.changes) {
    // Said twice.
    if (change.cursor <= cursor) continue;
    if (change.cursor !== cursor + 1)
      return { ok: false, reason: "gap", detail: `Change ${change.cursor} came after ${cursor}.` };
    cursor = change.cursor;
    switch (change.type) {
      case "put":
        items.set(change.item.id, change.item);
        kept.delete(change.item.id);
        todo.push({ type: "put", item: change.item });
        break;
      case "tombstone":
        items.delete(change.id);
        kept.delete(change.id);
        todo.push({ type: "tombstone", id: change.id, generation: change.cursor });
        break;
    }
  }
  if (cursor < answer.cursor)
    return { ok: false, reason: "gap", detail: `The changes end at ${cursor}, before ${answer.cursor}.` };
  const digest = digestOf(items.values());
  return {
    ok: true,
    feed: { cursor, items, kept },
    todo,
    digest,
    isDiverged: isOther(cursor, digest, answer),
  };
}

/** An answer that is behind, since it was long on its way, says nothing of now. */
const isOther = (cursor: number, digest: string, answer: { cursor: number; digest: string }): boolean =>
  answer.cursor === cursor && answer.digest !== digest;
