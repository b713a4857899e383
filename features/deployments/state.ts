/**
 * What a deployment is at each moment of its life, what may happen to it, and what it then owes. The rules are in
 * machine.ts. Pure.
 */
import type { BuildSettings } from "@cloudify/protocol";
import type { Millis } from "#core/time.ts";
import type { Plan } from "#features/pointers/rolling.ts";
import type { FromRegion } from "#features/regions/rpc.ts";
import type { Failure } from "./failures.ts";
import type { Placing, Policy } from "./placing.ts";

/** Fixed when the deployment is created. */
export interface Spec {
  id: string;
  team: string;
  project: string;
  target: string;
  /** Queued siblings of the same branch are superseded by a newer one; `null` without git data. */
  branch: string | null;
  /** Pointers that it takes when it is ready. */
  pointerTargets: string[];
  /** Of production's visitors, while it is rolled out; `null`: all of them at once. */
  percent: number | null;
  /** The stages by which it is; `null`: as `percent` says. */
  rolling: Plan | null;
  /** SHA-256 of the output's manifest, a blob of the team; `null`: it is to be built. */
  manifest: string | null;
  /** What it is built from. */
  source: Source | null;
  /** SHA-256 of an uploaded build log. */
  buildLog: string | null;
  /** Digest of its frozen environment. */
  env: string;
  /** Its own, immutable host. */
  hostname: string;
  /**
   * Ids of the regions that run its workloads, those of the failover last. None: the one that builds it. Once it is
   * compiled, those that its functions name are among them, and those that none of them runs in are not.
   */
  regions: string[];
  /** Of the regions that the settings say: those that are asked only when none of the others answers, in that order. */
  failover: string[];
  policy: Policy;
  /** What people call the regions, by id; one that is not here is called by its id. */
  names: Record<string, string>;
  createdAt: Millis;
}

export interface Source {
  /** SHA-256 of the manifest of the source, a blob of the team. */
  manifest: string;
  bytes: number;
  fileCount: number;
  projectName: string;
  /** The project's, with those of this deployment in their place. */
  settings: BuildSettings;
  /** Those of this deployment alone. */
  overrides: Partial<BuildSettings>;
}

export interface Event {
  seq: number;
  from: Status | null;
  to: Status;
  cause: string;
  at: Millis;
}

export type Status = "queued" | "building" | "compiling" | "releasing" | "ready" | "error" | "canceled";

interface Common {
  spec: Spec;
  /** How many events there were; orders projections. */
  seq: number;
}

export interface Building {
  status: "building";
  deadline: Millis;
  attempt: number;
  /** Who has it, or had it in its line; `null`: nobody. */
  region: string | null;
  /** Whether an agent is at it. */
  claimed: boolean;
  /** Whether it has had to wait for a free builder. */
  isWaiting: boolean;
  /** Until when a region must have it in its line, or an agent must end. */
  until: Millis;
  /** When it is offered, and looked after, again; `null`: an agent is at it. */
  offerAt: Millis | null;
  /** Regions that were lost in an earlier attempt. */
  lost: string[];
}

export interface Released {
  site: string;
  hasFunctions: boolean;
  /** Group → digest of its spec. */
  workloads: Record<string, string>;
  pinned: Pinned;
}

/** What it is, and where it runs. */
export interface Placed extends Released {
  /** Group → those of {@link Spec.failover}. One that names regions of its own has none, and is not here. */
  failover: Record<string, string[]>;
}

/** Group → ids of the regions that it runs in, in failover order. One that is not named runs in all of the deployment's. */
export type Pinned = Record<string, string[]>;

export type Deployment = Common &
  (
    | { status: "queued"; deadline: Millis }
    | Building
    | {
        status: "compiling";
        deadline: Millis;
        manifest: string;
        attempt: number;
        claimed: boolean;
        until: Millis;
      }
    | ({
        status: "releasing";
        deadline: Millis;
        /** `null`: no region is waited for. */
        placing: Placing | null;
        /** Whether a pointer may name it. */
        assigning: boolean;
      } & Placed)
    | ({ status: "ready"; readyAt: Millis } & Placed)
    | { status: "error"; failure: Failure; endedAt: Millis }
    | { status: "canceled"; failure: Failure; endedAt: Millis }
  );
export type In<S extends Status> = Extract<Deployment, { status: S }>;

export type Input =
  | { type: "granted" }
  /** It stands in the line of a live region. @param isWaiting Behind others. */
  | { type: "offered"; attempt: number; region: string; isWaiting: boolean }
  /** Its team has no region, and its project names none. @param shared What that could name, for people. */
  | { type: "unbuildable"; attempt: number; shared: string[] }
  | { type: "claim"; attempt: number }
  | { type: "heartbeat"; attempt: number }
  | ({ type: "compiled"; attempt: number } & Released)
  | { type: "failed"; attempt: number; failure: Failure; retryable: boolean }
  | FromRegion
  /** What a region was told could not be heard: nobody acts for it, or it was removed. */
  | { type: "unheard"; region: string; isGone: boolean }
  | { type: "assigning" }
  | { type: "released" }
  | { type: "cancel" }
  | { type: "supersede"; by: string }
  /** @param said What regions that have not answered last said, by their ids; read once they are waited for no more. */
  | { type: "tick"; said?: Record<string, string> };

/** What a step owes to the outside. Each is done at least once, and doing it twice changes nothing. */
export type Effect =
  | { kind: "request-slot" }
  /** Offers the build to regions until an agent begins it. */
  | { kind: "queue-build"; attempt: number }
  /** Ends the build, whoever has it. */
  | { kind: "withdraw" }
  /** Shows what was built: who stored it has told the collector what it names. */
  | { kind: "note-output"; manifest: string; bytes: number; fileCount: number }
  | { kind: "dispatch"; attempt: number }
  | { kind: "place"; workloads: Record<string, string>; pinned: Pinned }
  /** Ends its workloads in all regions. */
  | { kind: "forget" }
  | { kind: "publish" }
  | { kind: "release-slot" }
  | { kind: "finish-log" };

export type Step =
  | { ok: true; state: Deployment; effects: Effect[]; event: Event | null }
  | { ok: false; reason: "illegal" | "not-holder" | "nothing" };
