/** What the isolates Worker is bound to. */
import type { CodeEnv } from "../functions/code.ts";
import type { SinkEnv } from "../functions/sink.ts";
import type { Namespace } from "./dispatch.ts";

export interface IsolatesEnv extends CodeEnv, SinkEnv, Partial<Namespace> {
  LOADER: WorkerLoader;
  DEPLOY_DOMAIN: string;
  /** On one machine only: the router, over HTTP, for code, lines, and calls to hosts of this platform. */
  PLATFORM?: Fetcher;
  /** On one machine only: a network that reaches public addresses. Elsewhere Cloudflare's own does the same. */
  EGRESS?: Fetcher;
  /** On one machine only: what the platform proves itself with. */
  INTERNAL_KEY?: string;
  /** On one machine only: which of the two processes this is, `main` or `quarantine`. */
  PLACE?: string;
  /** On one machine only: the serial number of this process, and why the one before it ended. */
  PROCESS?: string;
}

declare global {
  namespace Cloudflare {
    interface GlobalProps {
      mainModule: typeof import("../isolates.ts");
    }
  }
}
