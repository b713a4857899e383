/** What the objects of this feature answer. Results are unions: an error would lose its fields when it crosses RPC. */
import type { Ready } from "@cloudify/protocol";
import type { By } from "#features/pointers/rpc.ts";
import type { Request } from "./slots.ts";
import type { Deployment, Event, Input, Spec } from "./state.ts";

export type Sent =
  | { ok: true; state: Deployment }
  | { ok: false; reason: "illegal" | "not-holder" | "nothing" | "unknown" };

/** How a region does with a deployment's workloads, for who looks. */
export interface RegionAnswer {
  id: string;
  ready: Ready;
  detail: string;
}

export interface DeploymentRpc extends Rpc.DurableObjectBranded {
  /** Begins its life; harmless when it has begun. */
  start(spec: Spec): Promise<Deployment>;
  /** @param by Given for what a user asks for; becomes the audit entry, stored with the change. */
  send(input: Input, by: By | null): Promise<Sent>;
  read(): Promise<{ state: Deployment; events: Event[] } | null>;
  /** Does what is due, as its alarm would. */
  wake(): Promise<void>;
  /** Asks the regions that run it; none without workloads. */
  regions(): Promise<RegionAnswer[]>;
  /** Forgets everything, and has regions do so before; the caller has made sure that nothing names it. */
  remove(): Promise<void>;
}

export interface SlotsRpc extends Rpc.DurableObjectBranded {
  request(request: Request): Promise<void>;
  release(deployment: string): Promise<void>;
}

/** Where an attempt's task is poked; the object's own state is the truth, so a lost or doubled poke is harmless. */
export interface CompileTask {
  type: "compile";
  deployment: string;
  attempt: number;
}

declare module "#core/ctx.ts" {
  interface Objects {
    deployments: DurableObjectNamespace<DeploymentRpc>;
  }
}
