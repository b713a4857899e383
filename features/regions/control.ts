/** What a region's object answers to the API: for its agent, and for who runs it. See rpc.ts for the platform's own. */
import type {
  BuildTask,
  ClaimRequest,
  Desired,
  FeedAnswer,
  HeartbeatRequest,
  LeaseAnswer,
  LeaseRequest,
  StatusReport,
  WorkloadStatus,
} from "@cloudify/protocol";
import type { Millis } from "#core/time.ts";
import type { By } from "#features/pointers/rpc.ts";
import type { Lease, Refused } from "./lease.ts";
import type { RegionRpc } from "./rpc.ts";
import type { Result } from "./tasks.ts";

/** What D1 owns of a region, as its object knows it. */
export interface About {
  id: string;
  team: string;
  name: string;
  latitude: number;
  longitude: number;
  weight: number;
  /** Of all this; what is older than what the object has changes nothing. */
  settingsVersion: number;
}

/** A credential is passed as its SHA-256: the secret itself never reaches the object. */
export type Denied = { ok: false; reason: "unauthenticated" } | Refused;
export type Gone = { ok: false; reason: "over"; isAccepted: boolean };

export interface RegionView {
  lease: Lease;
  /** Its agent has been heard of lately. */
  isLive: boolean;
  isDraining: boolean;
  ingress: string | null;
  cursor: number;
  items: Desired[];
  /** Of the items, in the order of their ids. */
  statuses: WorkloadStatus[];
  tasks: { id: string; state: "queued" | "claimed"; attempt: number; deployment: string }[];
  /** Whether its token waits to be exchanged, and who exchanged it. */
  token: { isSpent: boolean; by: string | null } | null;
}

export interface RegionControl extends RegionRpc {
  /** Tells what D1 has. @param ingressKey Sealed; it and the token are taken when the region is new here. */
  configure(about: About, ingressKey: string, token: string | null): Promise<void>;
  /** Another in the place of this ingress key, if it still is this: sealed anew, or drawn anew. */
  reseal(before: string, ingressKey: string): Promise<void>;
  /** A new token; every credential before it ends. @param ingressKey Sealed; it follows the one before it. */
  renewToken(token: string, ingressKey: string, by: By): Promise<void>;
  setDraining(isDraining: boolean, by: By): Promise<void>;
  /** Ends its credentials, its workloads by tombstones, and its tasks. */
  remove(): Promise<void>;
  inspect(): Promise<RegionView | null>;

  exchange(
    given: { token: string; holder: string; credential: string },
    requestId: string,
  ): Promise<{ ok: true; name: string } | { ok: false; reason: "unauthenticated" | "spent" }>;
  /** @param next Of a successor; `isOffered` tells whether it was taken as one. */
  renewLease(
    credential: string,
    request: LeaseRequest,
    next: string,
    requestId: string,
  ): Promise<
    | {
        ok: true;
        answer: Omit<LeaseAnswer, "credential" | "ingressKey">;
        isOffered: boolean;
        /** Sealed. */
        ingressKey: string;
      }
    | Denied
  >;
  readFeed(
    credential: string,
    asked: { epoch: number; after: number; waitMs: Millis },
  ): Promise<{ ok: true; answer: FeedAnswer } | Denied>;
  report(credential: string, report: StatusReport): Promise<{ ok: true } | Denied>;
  claim(credential: string, request: ClaimRequest): Promise<{ ok: true; tasks: BuildTask[] } | Denied>;
  heartbeat(
    credential: string,
    task: string,
    request: HeartbeatRequest,
  ): Promise<{ ok: true; isOver: boolean } | Denied>;
  /** The task, as long as this attempt is in the agent's hands. */
  task(
    credential: string,
    task: string,
    request: HeartbeatRequest,
  ): Promise<{ ok: true; task: BuildTask } | Gone | Denied>;
  complete(
    credential: string,
    task: string,
    request: HeartbeatRequest & { result: Result },
  ): Promise<{ ok: true; isAccepted: boolean } | Denied>;
  /** `null`: the region is not to run it. */
  workload(credential: string, id: string): Promise<{ ok: true; item: Desired | null } | Denied>;
  /** Whether it runs or builds something of the team. */
  mayRead(credential: string, team: string): Promise<{ ok: true; isAllowed: boolean } | Denied>;
  /** Which of these deployments it runs or builds, and who writes. */
  mayWrite(
    credential: string,
    asked: { epoch: number; deployments: string[] },
  ): Promise<{ ok: true; holder: string; skewMs: Millis; allowed: string[] } | Denied>;
}

declare module "#core/ctx.ts" {
  interface Objects {
    regions: DurableObjectNamespace<RegionControl>;
  }
}
