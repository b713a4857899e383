/** Follows what containers print, each line once, through restarts of the container and of the API server. */
import { setTimeout as pause } from "node:timers/promises";
import type { Kube } from "./client.ts";
import type { PodLine } from "./pod-contract.ts";

const AGAIN_MS = 500;
const LEVELS = new Set(["debug", "info", "warn", "error"]);

export interface Following {
  /** Path of the pod. */
  pod: string;
  container: string;
  /** Lines from this time on, RFC 3339; `null` from the first. */
  since: string | null;
  signal: AbortSignal;
  /** Whether there may still be more, when a stream has ended. */
  goesOn(): boolean;
  onLine(line: PodLine, at: number): void;
}

/** Resolves when there is no more to come. Never rejects. */
export async function followLog(kube: Kube, { pod, container, signal, ...how }: Following): Promise<void> {
  let last = how.since;
  for (;;) {
    const isLast = !how.goesOn();
    const words = new URLSearchParams({ container, follow: "true", timestamps: "true" });
    // The server knows whole seconds only: what was had in that second comes again.
    if (last !== null) words.set("sinceTime", `${last.slice(0, 19)}Z`);
    try {
      for await (const line of kube.lines(`${pod}/log?${words}`, signal)) {
        const at = line.slice(0, line.indexOf(" "));
        if (last !== null && at <= last) continue;
        last = at;
        how.onLine(parse(line.slice(at.length + 1)), Date.parse(at));
      }
    } catch {
      // The container has not begun, the node is away, or the pod is gone: `goesOn` tells which.
    }
    if (signal.aborted || isLast) return;
    await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Our programs print JSON; whatever else is printed is a line too. */
export function parse(text: string): PodLine {
  if (text.startsWith("{")) {
    try {
      const line = JSON.parse(text) as Partial<PodLine>;
      if (typeof line.text === "string" && LEVELS.has(line.level ?? "")) {
        return { function: line.function ?? null, level: line.level ?? "info", text: line.text };
      }
    } catch {
      // Not ours.
    }
  }
  return { function: null, level: "info", text };
}
