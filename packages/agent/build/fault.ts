/** Why a build ended without an output: a code for programs, a sentence and a next step for people. */
import type { BuildEnd } from "../driver.ts";

export class BuildFault extends Error {
  readonly code: string;
  readonly fix: string;
  /** Whether another attempt may end otherwise, with nothing changed. */
  readonly isRetryable: boolean;

  constructor(code: string, detail: string, fix: string, isRetryable = false) {
    super(detail);
    this.name = "BuildFault";
    this.code = code;
    this.fix = fix;
    this.isRetryable = isRetryable;
  }
}

/** What the control plane is told of an error. */
export function endOf(error: unknown): BuildEnd {
  const { code, fix } = error as { code?: unknown; fix?: unknown };
  // Of this folder or of packages/builder: both are written for who reads them.
  if (error instanceof Error && typeof code === "string" && typeof fix === "string") {
    const isRetryable = error instanceof BuildFault && error.isRetryable;
    return { ok: false, code, detail: error.message, fix, isRetryable };
  }
  const detail = `The build program failed: ${error instanceof Error ? error.message : String(error)}.`;
  return {
    ok: false,
    code: "internal",
    detail,
    fix: "Deploy again; look at the agent's own log.",
    isRetryable: true,
  };
}
