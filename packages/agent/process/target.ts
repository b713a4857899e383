/** Whom the ingress hands requests to: a process of this machine, or a pod of the cluster. How it is started is its own. */
import type { Agent } from "node:http";
import type { IngressFault } from "@cloudify/protocol";
import type { Address } from "./instance.ts";

/**
 * What answers there: our function runtime; a program that is a server by itself; or a pod, whose own ingress asks for the
 * key, takes the prefix off and marks the answer.
 */
export type TargetKind = "functions" | "service" | "pod";

/** One process or pod that takes requests. */
export interface Place {
  readonly address: Address | null;
  /** Connections to it, kept for the next request. */
  readonly agent: Agent;
  /** A connection of it broke before the answer came: it may be ending. */
  isBroken: boolean;
  /** It ends, and has answered all that it had begun: who has no answer may ask another. */
  readonly isDrained: boolean;
  /** What was sent to it may be why it is ended, and must not be sent to the next one. */
  readonly isHung: boolean;
}

export type Acquired =
  /** `coldMs`: how long the request waited for a start. */
  | { ok: true; instance: Place; release: () => void; coldMs: number | null }
  | { ok: false; fault: IngressFault; detail: string };

export interface Target {
  readonly kind: TargetKind;
  /** Starts it when it is not there. @param signal Ends the wait for that. */
  acquire(signal: AbortSignal): Promise<Acquired>;
  /** Whether it is just going down; known when it has. */
  isEnding(place: Place): Promise<boolean>;
  /** It takes no more requests: whoever asks next is to get another. */
  retire(place: Place): Promise<void>;
}
