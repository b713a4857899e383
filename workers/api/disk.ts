/**
 * Tells a full disk from other failures. workerd says it to nobody but its own log: a Worker whose D1, R2 or object can't
 * write gets "internal error; reference = …", whatever the reason. So whoever runs the machine is asked how much is free,
 * and only once something has failed.
 */
import { Problem, type ProblemCode } from "#core/problem.ts";

/** What SQLite's logs and a batch of writes may want at once; with less than this, a write that failed had no space. */
const FULL_BYTES = 4 * 1024 * 1024;
/** A disk that is in trouble may make its owner slow to answer. */
const ASK_MS = 1_000;

const MAY_BE_FULL: readonly ProblemCode[] = ["internal", "unavailable"];

/** @param disk Answers `{ "free": <bytes> }`; `undefined` where no machine of ours stands below. */
export async function findFullDisk(
  problem: Problem,
  disk: Pick<Fetcher, "fetch"> | undefined,
): Promise<Problem> {
  if (!disk || !MAY_BE_FULL.includes(problem.code) || (await freeBytes(disk)) >= FULL_BYTES) return problem;
  return new Problem("insufficient_storage", "The platform's disk is full; this was not done.", {
    fix: "Free space on the platform's machine, then try again; nothing has to be repaired.",
    cause: problem.cause ?? problem,
  });
}

/** Infinity when it can't be told: then the failure stays what it was. */
async function freeBytes(disk: Pick<Fetcher, "fetch">): Promise<number> {
  try {
    const answer = await disk.fetch("http://disk/", { signal: AbortSignal.timeout(ASK_MS) });
    const { free } = (await answer.json()) as { free?: unknown };
    return typeof free === "number" ? free : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
