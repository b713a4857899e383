import type { Desired, WorkloadStatus } from "@cloudify/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MINUTE } from "#core/time.ts";
import { placed, readiness, report, type Statuses, statusesOf } from "./statuses.ts";

const desired = (id: string, generation: number): Desired => ({
  id,
  generation,
  team: "t",
  project: "p",
  deployment: "d",
  spec: "s",
  env: "e",
  isWarm: true,
});
const id = fc.constantFrom("d.a", "d.b", "d.c");
const status: fc.Arbitrary<WorkloadStatus> = fc.record({
  id,
  generation: fc.integer({ min: 1, max: 4 }),
  ready: fc.constantFrom("true" as const, "false" as const, "unknown" as const),
  reason: fc.constantFrom("Ready", "Starting", "Crashed", "Invalid", "ImagePull"),
  detail: fc.constant(""),
  restarts: fc.nat(5),
  coldStartMs: fc.constant(null),
  since: fc.nat(10),
});
const reports = fc.array(fc.record({ isFull: fc.boolean(), items: fc.array(status, { maxLength: 4 }) }));
const wanted = fc
  .uniqueArray(fc.tuple(id, fc.integer({ min: 1, max: 4 })), { selector: ([one]) => one, minLength: 1 })
  .map((all) => all.map(([one, generation]) => desired(one, generation)));

const after = (all: readonly { isFull: boolean; items: readonly WorkloadStatus[] }[]): Statuses =>
  all.reduce<Statuses>((so, one) => report(so, one), new Map());

test("nothing is said to be ready but what was last said to be, of the generation that is wanted, and not in silence", () => {
  fc.assert(
    fc.property(reports, wanted, fc.boolean(), (all, items, isSilent) => {
      const statuses = after(all);
      const shown = statusesOf(items, statuses, isSilent);
      expect(shown.map((one) => one.id)).toEqual(items.map((one) => one.id).sort());
      for (const one of shown) {
        const item = items.find((other) => other.id === one.id);
        expect(one.generation).toBe(item?.generation);
        if (one.ready === "unknown") continue;
        expect(isSilent).toBe(false);
        expect(statuses.get(one.id)).toBe(one);
      }
      if (isSilent) expect(readiness(shown)).toBe("unknown");
    }),
    { numRuns: 5_000 },
  );
});

test("what was said of an older generation never takes the place of what was said of a newer", () => {
  fc.assert(
    fc.property(reports, fc.array(status), (all, late) => {
      const before = after(all);
      const now = report(before, { isFull: false, items: late });
      for (const [one, said] of before)
        expect(now.get(one)?.generation ?? 0).toBeGreaterThanOrEqual(said.generation);
    }),
  );
});

test("a deployment is placed when all of it is ready, and lost when one part can't be", () => {
  fc.assert(
    fc.property(reports, wanted, fc.nat(2 * MINUTE), (all, items, now) => {
      const shown = statusesOf(items, after(all), false);
      const told = placed("rgn", shown, now);
      if (told?.type !== "placed") return;
      if (told.ok) expect(shown.every(({ ready }) => ready === "true")).toBe(true);
      else expect(shown.some(({ ready }) => ready === "false")).toBe(true);
    }),
    { numRuns: 5_000 },
  );
});

const one = (more: Partial<WorkloadStatus>): WorkloadStatus[] => [
  {
    id: "d.a",
    generation: 1,
    ready: "false",
    reason: "Crashed",
    detail: "exit 1",
    restarts: 0,
    coldStartMs: null,
    since: 0,
    ...more,
  },
];

test.each([
  ["it starts, however long", { reason: "Starting", restarts: 2 }, 10 * MINUTE, null],
  ["it crashed, and may come back", { restarts: 1 }, 1, null],
  ["it crashed again and again", { restarts: 3 }, 1, false],
  ["its image can't be had yet", { reason: "ImagePull" }, MINUTE - 1, null],
  ["its image can't be had at all", { reason: "ImagePull" }, MINUTE, false],
  ["it listens on nothing", { reason: "NotListening", restarts: 1 }, 0, false],
  ["its spec is wrong", { reason: "Invalid" }, 0, false],
  ["it sleeps, and is ready", { ready: "true" as const, reason: "Idle" }, MINUTE, true],
])("%s", (_, more, now, ok) => {
  const told = placed("rgn", one(more), now);
  expect(told && "ok" in told ? told.ok : told).toBe(ok);
});
