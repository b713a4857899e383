/** Lines that an agent hands over: each goes to the log of its deployment, if the region has to do with it. */
import { type AgentLine, type LogRequest, MAX_SKEW_MS } from "@cloudify/protocol";
import { reach } from "#features/deployments/objects.ts";
import type { Line } from "#features/logs/policy.ts";
import type { Caller } from "./caller.ts";
import { heard } from "./denied.ts";

/** What answers is stored, or was never to be: the agent forgets it either way. */
export async function takeLines(caller: Caller, { epoch, chunks }: LogRequest): Promise<{ dropped: number }> {
  const { base, region, stub, credential } = caller;
  const deployments = [...new Set(chunks.map((chunk) => chunk.deployment))];
  const { holder, skewMs, allowed } = heard(
    await reach(async () => await stub.mayWrite(credential, { epoch, deployments })),
  );
  // Regions number their lines each for itself, and so does each installation of an agent.
  const writer = `${region}/${holder}`;
  const lag = Math.abs(skewMs) > MAX_SKEW_MS ? skewMs : 0;
  const toLine = (line: AgentLine): Line => ({ ...line, writer, at: line.at - lag });
  const taken = chunks.filter((chunk) => allowed.includes(chunk.deployment));
  await reach(() =>
    Promise.all(
      taken.map(async ({ deployment, lines }) => {
        await base.objects.logs.get(base.objects.logs.idFromName(deployment)).append(lines.map(toLine));
      }),
    ),
  );
  const count = (all: LogRequest["chunks"]) => all.reduce((sum, { lines }) => sum + lines.length, 0);
  return { dropped: count(chunks) - count(taken) };
}
