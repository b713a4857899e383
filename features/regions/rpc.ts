/** What a region's object answers to the platform's own. Results are unions: an error would lose its fields over RPC. */
import type { Rpc } from "@cloudflare/workers-types";
import type { BuildTask, Desired, WorkloadStatus } from "@cloudify/protocol";

export type Unable = { ok: false; reason: "no-agent" | "draining" | "incapable" };
export type Offered = { ok: true } | Unable | { ok: false; reason: "busy" };
/** @param free Builds that it could begin now beside those that it has; below zero: so many wait. */
export type Room = { ok: true; free: number } | Unable;

/** The workload that a deployment wants in a region; the object gives it its generation. */
export type Wanted = Omit<Desired, "generation">;

/** Whether an agent acts for a region, none does at the moment, or there is no such region. */
export type Presence = "live" | "silent" | "gone";

export interface RegionRpc extends Rpc.DurableObjectBranded {
  /** Puts workloads into the feed. Said again, it changes nothing. */
  desire(wanted: readonly Wanted[]): Promise<Presence>;
  /** Ends all workloads of a deployment by tombstones. Said again, it changes nothing. */
  forget(deployment: string): Promise<void>;
  /** What the region last said of a deployment's workloads; `unknown` once its lease has lapsed. */
  statusOf(deployment: string): Promise<WorkloadStatus[]>;
  /** How much room there is for a task; it does not count itself. */
  room(task: string): Promise<Room>;
  /**
   * Queues a build, if a live agent can take it. The attempt is the deployment's; said again, it changes nothing.
   *
   * @param ifFree Only if the agent has room for it now; else `busy`.
   */
  offer(task: BuildTask, ifFree: boolean): Promise<Offered>;
  /** Takes an attempt back that nobody has begun. @returns Whether it is in nobody's hands here. */
  takeBack(task: string, attempt: number): Promise<boolean>;
  /** Ends a task, whoever has it. */
  withdraw(task: string): Promise<void>;
  /** Sees to it that what is due has an alarm, which may have been lost. */
  wake(): Promise<void>;
}

/**
 * What the region's object tells a deployment's, through its outbox:
 *
 * - `placed` when all its workloads in the region are ready, or can't be;
 * - `build-claimed`, `built` and `build-failed` of the build that was offered. A region that is lost fails it retryably;
 *   one whose claim is refused ends it, since another has it.
 */
export type FromRegion =
  | { type: "placed"; region: string; ok: true }
  | { type: "placed"; region: string; ok: false; detail: string }
  | (OfTask & { region: string });

/** @param name Of the region, as people call it. */
export type OfTask =
  | { type: "build-claimed"; attempt: number; name: string }
  /** `manifest`: digest of the output's manifest, a blob of the team. */
  | { type: "built"; attempt: number; manifest: string; bytes: number; fileCount: number }
  | {
      type: "build-failed";
      attempt: number;
      failure: { code: string; detail: string; fix: string };
      retryable: boolean;
    };
