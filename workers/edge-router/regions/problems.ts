/** What a visitor is told when no region has answered for a workload. */
import { Problem } from "#core/problem.ts";
import type { Ending } from "#features/regions/failover.ts";
import { MAX_HEADER_BYTES } from "../functions/answers.ts";

export interface Refused {
  ok: false;
  problem: Problem;
  /** Seconds. */
  retryAfter: number | null;
}

const LOOK = "Look at the deployment's log: `cloudify logs`.";
const AGAIN = "Try again in a moment.";
const STATUS = `${AGAIN} If it lasts, look at \`cloudify regions status\`.`;
const MAY_BE_DONE = `It may have been carried out. ${STATUS}`;

const refused = (
  code: "unavailable" | "function_failed" | "function_timeout" | "upstream_failed" | "deadline_exceeded",
  detail: string,
  fix: string,
  retryAfter: number | null = null,
): Refused => ({ ok: false, problem: new Problem(code, detail, { fix }), retryAfter });

export const noRegion = refused(
  "unavailable",
  "There is no region that could run this function.",
  "Add one with `cloudify regions add`, or start its agent; `cloudify regions ls` shows which there are.",
  5,
);

export const notPlaced = refused(
  "unavailable",
  "It is not known yet which regions run this function.",
  `${AGAIN} If it lasts, deploy again.`,
  2,
);

export const tooManyHeaders = refused(
  "function_failed",
  `Its answer has more than ${MAX_HEADER_BYTES} bytes of headers.`,
  "Send fewer or shorter headers.",
);

/** @param region Name of the one that was asked last. @param seconds That the function may take. */
export function problemOf(ending: Ending, region: string, seconds: number): Refused {
  switch (ending.kind) {
    case "refused":
      return refused("unavailable", "No region that runs this function takes connections.", STATUS, 2);
    case "bad-gateway":
      return refused(
        "upstream_failed",
        `The ingress of region ${region} lost the function before it answered.`,
        MAY_BE_DONE,
        1,
      );
    case "broken":
      return refused(
        "upstream_failed",
        `The connection to region ${region} broke off before it answered.`,
        MAY_BE_DONE,
        1,
      );
    case "silent":
      return refused("deadline_exceeded", `Region ${region} does not answer.`, MAY_BE_DONE, 2);
    case "late":
      return late(seconds);
    case "fault":
      break;
  }
  switch (ending.fault) {
    case "denied":
      return refused(
        "unavailable",
        `Region ${region} does not know the platform's key.`,
        `${AGAIN} If it lasts, its agent has lost touch with the platform: look at \`cloudify regions status\`.`,
        2,
      );
    case "absent":
      return refused("unavailable", "No region runs this function at the moment.", STATUS, 2);
    case "starting":
      return refused("unavailable", "The function is being started.", AGAIN, 1);
    case "draining":
      return refused("unavailable", "The region of this function takes no new requests.", STATUS, 2);
    case "unreachable":
      return refused(
        "unavailable",
        "The process of the function takes no connections.",
        `${AGAIN} ${LOOK}`,
        2,
      );
    case "crashed":
      return refused("function_failed", "The function's process ended while it answered.", LOOK);
    case "threw":
      return refused("function_failed", "The function threw an error.", LOOK);
    case "timeout":
      return late(seconds);
  }
}

const late = (seconds: number): Refused =>
  refused("function_timeout", `The function did not answer within ${seconds} seconds.`, LOOK);
