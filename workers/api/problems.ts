/** Whatever was thrown, as the one error of the house. */

import { HTTPException } from "hono/http-exception";
import type { z } from "zod";
import { isFullFailure } from "#core/commit.ts";
import { Problem } from "#core/problem.ts";

const SHOWN = 20;

export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof HTTPException && error.status === 400) {
    return new Problem("invalid_json", "The body is not valid JSON.", {
      fix: "Check the body with a JSON parser; send it with `content-type: application/json`.",
      cause: error,
    });
  }
  if (isFullFailure(error)) {
    return new Problem("insufficient_storage", "The database is full; nothing was changed.", {
      fix: "Free space where the platform's database is, or remove deployments that nobody needs; then try again.",
      cause: error,
    });
  }
  return new Problem("internal", "Something went wrong on our side; it was logged.", {
    fix: "Try again; if it happens again, tell whoever runs the platform the request id.",
    cause: error,
  });
}

export function invalid(issues: readonly z.core.$ZodIssue[]): Problem {
  const shown = issues
    .slice(0, SHOWN)
    .map((issue) => ({ path: issue.path.map(String).join("."), message: issue.message }));
  const tooMany = issues.find((issue) => issue.code === "too_big" && issue.path.join(".") === "files");
  if (tooMany && "maximum" in tooMany) {
    return new Problem("too_many_files", `A deployment may have ${tooMany.maximum} files.`, {
      fix: "Leave out what is not served; put large collections of files in a store of their own.",
    });
  }
  const [first] = shown;
  const where = first?.path ? `${first.path}: ` : "";
  return new Problem("invalid_input", `${where}${first?.message ?? "The input is not valid."}`, {
    fix: "Correct what `issues` names; /api/docs tells what is taken.",
    extensions: { issues: shown },
  });
}
