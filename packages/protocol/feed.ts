/** What a region is to run: a snapshot, and changes by a cursor that the region's object assigns without a gap. */

export interface Desired {
  /** Workload id, `<deployment>.<group>`. */
  id: string;
  /** Raised by each change of this workload; equals the cursor of that change. */
  generation: number;
  team: string;
  project: string;
  deployment: string;
  /** SHA-256 of its {@link import("./workload.ts").WorkloadSpec}; names the object to fetch. */
  spec: string;
  /** Digest of its frozen environment, with the versions of what it refers to. */
  env: string;
  /** Whether its first instance is started before anybody asks: true for what a release waits for. */
  isWarm: boolean;
}

/** The one way in which a workload ends: absence never deletes. */
export interface Tombstone {
  id: string;
  generation: number;
}

export type Change =
  | { cursor: number; type: "put"; item: Desired }
  | { cursor: number; type: "tombstone"; id: string };

/** `GET /agent/v1/feed?epoch&after&waitMs`: answers at once when there is something after the cursor, else when it comes. */
export type FeedAnswer =
  | { kind: "snapshot"; cursor: number; digest: string; items: Desired[]; tombstones: Tombstone[] }
  /** Every change after the cursor that was asked for, in order; none when the wait is over. */
  | { kind: "changes"; cursor: number; digest: string; changes: Change[] };

/** Longest wait of one question. */
export const MAX_WAIT_MS = 25_000;
/** An agent asks for a whole snapshot so often, whatever it has. */
export const RESYNC_MS = 600_000;

/** What a digest is made of: canonical, so that both sides come to the same. SHA-256, hexadecimal, of this text. */
export const digestText = (items: Iterable<Pick<Desired, "id" | "generation">>): string =>
  [...items]
    .map(({ id, generation }) => `${id} ${generation}\n`)
    .sort()
    .join("");

export type Ready = "true" | "false" | "unknown";

export interface WorkloadStatus {
  id: string;
  /** The generation that this is said of. */
  generation: number;
  ready: Ready;
  /** For programs: `Starting`, `Ready`, `Idle`, `Crashed`, `ImagePull`, `SpecUnavailable` and the like. */
  reason: string;
  /** For people. */
  detail: string;
  restarts: number;
  /** Of the last start, in milliseconds. */
  coldStartMs: number | null;
  /** Since when it is so; the agent's clock. */
  since: number;
}

/** `POST /agent/v1/status`. */
export interface StatusReport {
  epoch: number;
  /** Whether `items` is all there is; else what has changed. */
  isFull: boolean;
  items: WorkloadStatus[];
}
