import type { StatusReport, WorkloadStatus } from "@cloudify/protocol";
import { expect, test } from "vitest";
import { VirtualClock } from "../../tests/support/virtual-clock.ts";
import { StatusLoop } from "./status-loop.ts";

const ALL = 12_345;
const statusOf = (n: number): WorkloadStatus => ({
  id: `dpl_${n}.g0`,
  generation: 1,
  ready: "true",
  reason: "Ready",
  detail: "",
  restarts: 0,
  coldStartMs: null,
  since: 0,
});

test("more workloads than one call may name are reported by pages, and only the first forgets others", async () => {
  const clock = new VirtualClock();
  const over = new AbortController();
  const told: StatusReport[] = [];
  const loop = new StatusLoop(
    { clock, random: () => 0.5, log: () => undefined },
    {
      status: async (report) => {
        told.push(report);
        return { ok: true, value: null };
      },
    },
    { granted: async () => 1, lost: () => undefined },
  );
  for (let n = 0; n < ALL; n++) loop.set(statusOf(n));
  const running = loop.run(over.signal);
  await clock.pass(1_000);
  expect(Math.max(...told.map(({ items }) => items.length))).toBeLessThanOrEqual(1_000);
  expect(told.map(({ isFull }) => isFull)).toEqual(told.map((_, at) => at === 0));
  expect(new Set(told.flatMap(({ items }) => items.map(({ id }) => id))).size).toBe(ALL);
  const before = told.length;
  loop.set({ ...statusOf(7), ready: "false", reason: "Crashed" });
  await clock.pass(1_000);
  expect(told.slice(before)).toMatchObject([{ isFull: false, items: [{ reason: "Crashed" }] }]);
  over.abort();
  await clock.pass(0);
  await running;
});
