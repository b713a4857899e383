/** What a TrafficObject answers. One object a project, named by its id. */
import type { Millis } from "#core/time.ts";
import type { Minute, Tally } from "./machine.ts";

export interface TrafficRpc extends Rpc.DurableObjectBranded {
  /** @param batch Names the tallies, so that a repeated call counts once. */
  add(batch: string, tallies: Tally[]): Promise<void>;
  /** Minutes from `from` on, oldest first, at most `limit`. */
  read(from: Millis, limit: number): Promise<Minute[]>;
  /**
   * What production's deployments answered in the slots that began at `from` or later.
   *
   * @returns In the order of `deployments`.
   */
  count(deployments: string[], from: Millis): Promise<{ requests: number; errors: number }[]>;
  remove(): Promise<void>;
}

declare module "#core/ctx.ts" {
  interface Objects {
    traffic: DurableObjectNamespace<TrafficRpc>;
  }
}
