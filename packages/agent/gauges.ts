/** The agent in numbers. */
import type { Agent } from "./agent.ts";
import type { Driver } from "./driver.ts";
import type { Gauge } from "./metrics.ts";

export async function gaugesOf(agent: Agent, driver: Driver): Promise<Gauge[]> {
  const { lease, feed, statuses, tasks, lines } = agent;
  const { cpu, memoryBytes } = await driver.load();
  const counted = new Map<string, number>();
  for (const { reason } of statuses.all) counted.set(reason, (counted.get(reason) ?? 0) + 1);
  const one = (name: string, help: string, value: number): Gauge => ({
    name: `cloudify_agent_${name}`,
    help,
    type: "gauge",
    values: [{ value }],
  });
  return [
    one("lease_held", "Whether the agent may change things.", Number(lease.mayMutate)),
    one("lease_epoch", "Epoch of the lease; 0: none.", lease.epoch ?? 0),
    one("clock_skew_ms", "This machine's clock less the platform's.", lease.skewMs),
    one("draining", "Whether the agent takes no new work.", Number(lease.isDraining)),
    one("feed_applied_cursor", "Up to where the feed is applied.", feed.applied.cursor),
    one("feed_heard_cursor", "Up to where the feed was heard.", feed.cursor),
    one("feed_refused", "Whether the last snapshot was refused.", Number(feed.refusal !== null)),
    one("tasks_running", "Tasks under way.", tasks.running),
    one("lines_spooled", "Lines that are not taken yet.", lines.spooled),
    one("cpu_load", "Load of the machine, 0 to 1.", cpu),
    one("memory_bytes", "Memory of the agent and its workloads.", memoryBytes),
    {
      name: "cloudify_agent_workloads",
      help: "Workloads by the reason of their status.",
      type: "gauge",
      values: [...counted].map(([reason, value]) => ({ labels: { reason }, value })),
    },
    {
      name: "cloudify_agent_workload_restarts_total",
      help: "Starts of a workload after it ended by itself.",
      type: "counter",
      values: statuses.all.map(({ id, restarts }) => ({ labels: { workload: id }, value: restarts })),
    },
  ];
}
