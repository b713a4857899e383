/** What a PointerObject answers. Results are unions: an error would lose its fields when it crosses RPC. */
import type { Audit } from "#core/commit.ts";
import type { Actor } from "#core/ctx.ts";
import type { Figures, Verdict } from "./guard.ts";
import type { Pointer, PointerEvent, PointerStep } from "./machine.ts";
import type { Ended } from "./story.ts";

/** Who wrote, for the audit entry that is stored with the change. `null`: the platform itself, which is not audited. */
export interface By {
  actor: Pick<Actor, "type" | "id">;
  requestId: string;
  audit: Audit;
}

/** How a rollout does. */
export interface Watched {
  pointer: Pointer;
  /** `null`: nothing is being rolled out, or what counts does not answer. */
  figures: Figures | null;
  /** `null` without a guard, or without figures. */
  verdict: Verdict | null;
  /** The rolling release that ended last. */
  last: Ended | null;
}

export interface PointerRpc extends Rpc.DurableObjectBranded {
  read(): Promise<Pointer | null>;
  /** `null`: nothing was ever deployed to it. */
  watch(): Promise<Watched | null>;
  /** @param of Which pointer this is; an object does not know its own name. */
  send(
    of: { team: string; project: string; target: string },
    event: PointerEvent,
    by: By | null,
  ): Promise<PointerStep>;
  /** Sees to it that what is due has an alarm, which may have been lost. */
  wake(): Promise<void>;
  /** The project is gone. */
  remove(): Promise<void>;
}

export const pointerName = (project: string, target: string): string => `${project}/${target}`;

/** KV key of the copy that the edge falls back on. */
export const pointerKey = (project: string, target: string): string => `pointer:${project}:${target}`;

declare module "#core/ctx.ts" {
  interface Objects {
    pointers: DurableObjectNamespace<PointerRpc>;
  }
}
