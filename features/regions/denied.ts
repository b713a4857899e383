/** What an agent is told when its call is not heard. */
import { Problem } from "#core/problem.ts";
import type { Denied } from "./control.ts";

export function deniedProblem(denied: Denied): Problem {
  switch (denied.reason) {
    case "unauthenticated":
      return new Problem(
        "unauthenticated",
        "The credential is not known here: it has ended, or its region.",
        {
          fix: "Make a new token with `cloudify regions token NAME`, and start the agent with it.",
        },
      );
    case "fenced":
      return new Problem("fenced", `This epoch is over; the last one is ${denied.epoch}.`, {
        fix: "Acquire the lease again, then repeat what still makes sense.",
        extensions: { epoch: denied.epoch },
      });
    case "leased":
      return new Problem("leased", "Another agent acts for this region.", {
        fix: "Wait until its lease lapses, or stop it: a region has one agent at a time.",
        extensions: { retryAfterMs: denied.retryAfterMs },
      });
    case "protocol_unsupported":
      return new Problem(
        "protocol_unsupported",
        `The platform speaks versions ${denied.protocols.join(", ")} of the agents' protocol; the agent speaks none of them.`,
        {
          fix: "Update the agent, or the platform, whichever is older.",
          extensions: { protocols: denied.protocols },
        },
      );
  }
}

/** @throws Problem for a call that was not heard. */
export function heard<A extends { ok: true } | Denied>(answer: A): Extract<A, { ok: true }> {
  if (answer.ok) return answer as Extract<A, { ok: true }>;
  throw deniedProblem(answer);
}
