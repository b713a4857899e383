/** Says no to an environment that would be too large. */
import { Problem } from "#core/problem.ts";
import { ENVIRONMENT_BYTES, type Sized, sizeOf } from "./rules.ts";

/** @throws Problem `too_large` */
export function refuseOversize(target: string, environment: readonly Sized[]): void {
  const size = sizeOf(environment);
  if (size <= ENVIRONMENT_BYTES) return;
  const detail = `The variables of ${target} would have ${size} bytes; ${ENVIRONMENT_BYTES} are allowed.`;
  throw new Problem("too_large", detail, {
    fix: "Remove variables, or make them shorter; what is large belongs in a file of the deployment.",
  });
}
