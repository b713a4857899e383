/** What a LogObject answers. One object a deployment, named by its id; made by the first line. */
import type { Entry, Line, LogRow } from "./policy.ts";

export type Until = "ended" | "silent";

export interface LogRpc extends Rpc.DurableObjectBranded {
  /** A line that was told before adds nothing. */
  append(lines: Line[]): Promise<void>;
  /** Of a writer that tells all of a batch again, or nothing: it costs a third of what numbered lines do. */
  appendBatch(batch: string, lines: Entry[]): Promise<void>;
  /** A line of what came of the deployment long after: a folded log is opened for it. */
  note(deployment: string, line: Line): Promise<void>;
  /**
   * The deployment has ended: followers are let go once they have read everything, and the log is folded later; unless
   * it is live, since its functions go on writing.
   */
  finish(deployment: string, isLive: boolean): Promise<void>;
  /** Rows behind `after`, at most `limit`. `finished`: no more will come behind the last. */
  read(deployment: string, after: number, limit: number): Promise<{ rows: LogRow[]; finished: boolean }>;
  /**
   * NDJSON of rows behind `after` and of all that come, until no more can come, or, if asked so, until the deployment has
   * ended. Empty lines are heartbeats.
   */
  follow(deployment: string, after: number, until: Until): Promise<ReadableStream<Uint8Array>>;
  remove(deployment: string): Promise<void>;
}

/** R2 key of a folded log: NDJSON of rows. */
export const logKey = (deployment: string): string => `logs/${deployment}.ndjson`;

declare module "#core/ctx.ts" {
  interface Objects {
    logs: DurableObjectNamespace<LogRpc>;
  }
}
