/** Lines of functions → the deployment's log. */
import type { Line } from "#features/logs/policy.ts";
import type { LogRpc } from "#features/logs/rpc.ts";

export interface SinkEnv {
  LOGS: DurableObjectNamespace<LogRpc>;
}

export async function writeLines(env: SinkEnv, deployment: string, lines: Line[]): Promise<void> {
  await env.LOGS.get(env.LOGS.idFromName(deployment)).append(lines);
}
