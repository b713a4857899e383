/** Lines of functions → the deployment's log. */
import type { Entry } from "#features/logs/policy.ts";
import type { LogRpc } from "#features/logs/rpc.ts";

export interface SinkEnv {
  LOGS: DurableObjectNamespace<LogRpc>;
}

/** Lines that are told together, and again together when it is not known whether they came. */
export interface Batch {
  id: string;
  deployment: string;
  lines: Entry[];
}

export async function writeLines(env: SinkEnv, { id, deployment, lines }: Batch): Promise<void> {
  await env.LOGS.get(env.LOGS.idFromName(deployment)).appendBatch(id, lines);
}
