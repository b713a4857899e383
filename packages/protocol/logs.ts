/** Lines on their way to a deployment's log: numbered, acknowledged, sent again until they are. */

export interface AgentLine {
  /** `build`, `function:<name>`, `region:<name>`. */
  stream: string;
  /** Numbers the lines of the stream from one writer; a repetition adds nothing. */
  n: number;
  /** Unix milliseconds of the agent's clock. */
  at: number;
  level: "debug" | "info" | "warn" | "error";
  text: string;
  /** How many lines its writer dropped here. */
  gap?: number;
}

/** `POST /agent/v1/logs`; what it answers is acknowledged, and the agent forgets it. */
export interface LogRequest {
  epoch: number;
  chunks: { deployment: string; lines: AgentLine[] }[];
}

/** Lines of one request, at most. */
export const MAX_LOG_LINES = 1_000;
