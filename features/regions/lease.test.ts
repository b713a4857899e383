import { LEASE_TTL_MS, type LeaseRequest, RENEW_MS } from "@cloudify/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { endLease, isCurrent, isHeard, isHeld, type Lease, noLease, takeLease } from "./lease.ts";

const request: LeaseRequest = {
  holder: "a",
  bootId: "a1",
  epoch: null,
  protocols: [1],
  version: "0",
  pid: 1,
  now: 0,
  driver: "process",
  capabilities: ["serve"],
  capacity: { cpu: 1, memoryBytes: 1, builds: 1 },
  load: { cpu: 0, memoryBytes: 0, workloads: 0, builds: 0 },
  ingress: null,
  isDraining: false,
  applied: { cursor: 0, digest: "" },
};

/** Processes of two installations; each has an idea of its epoch, which may be old. */
const PROCESSES = ["a1", "a2", "b1"] as const;
type Process = (typeof PROCESSES)[number];
type Act = { type: "acquire" | "renew" | "write"; by: Process } | { type: "end" };

const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({
    type: fc.constantFrom("acquire" as const, "renew" as const, "write" as const),
    by: fc.constantFrom(...PROCESSES),
  }),
  { weight: 1, arbitrary: fc.constant<Act>({ type: "end" }) },
);
/** What happens, and how long after the last thing. */
const history = fc.array(fc.tuple(act, fc.oneof(fc.nat(1_000), fc.nat(2 * LEASE_TTL_MS))), { maxLength: 60 });

function replay(acts: [Act, number][]) {
  let now = 0;
  let lease: Lease = noLease;
  const epochs = new Map<Process, number>();
  const acted: { epoch: number; by: Process }[] = [];
  /** Which came after which. */
  const followed = new Set<string>();
  for (const [one, wait] of acts) {
    now += wait;
    if (one.type === "end") {
      lease = endLease(lease, now);
      expect(isHeld(lease, now)).toBe(false);
      continue;
    }
    const epoch = epochs.get(one.by) ?? 0;
    if (one.type === "write") {
      if (isCurrent(lease, epoch, now)) acted.push({ epoch, by: one.by });
      continue;
    }
    const before = lease;
    const holder = one.by.slice(0, 1);
    const asked = { ...request, holder, bootId: one.by, epoch: one.type === "acquire" ? null : epoch, now };
    const next = takeLease(lease, asked, now);
    if (!next.ok) {
      if (next.reason === "leased") {
        // Another's, or one that another of its own came after.
        const { report } = before.held ?? {};
        if (report?.holder === holder) {
          expect(report.bootId).not.toBe(one.by);
          expect(epochs.get(one.by)).toBeLessThan(before.epoch);
        }
        expect(isHeld(before, now + next.retryAfterMs - 1)).toBe(true);
        expect(isHeld(before, now + next.retryAfterMs)).toBe(false);
      }
      if (next.reason === "fenced") expect(next.epoch).toBe(before.epoch);
      continue;
    }
    expect(next.lease.epoch).toBe(before.epoch + (one.type === "acquire" ? 1 : 0));
    expect(next.held.expiresAt).toBe(now + LEASE_TTL_MS);
    // Who takes it from another waits until that one is silent.
    if (isHeld(before, now)) expect(before.held?.report.holder).toBe(holder);
    // A process that was followed by another does not come back while that lives.
    const last = before.held?.report.bootId;
    if (isHeld(before, now) && last !== one.by && one.type === "acquire")
      expect(followed.has(`${last} ${one.by}`)).toBe(false);
    if (one.type === "acquire" && last !== one.by) {
      for (const other of PROCESSES) followed.delete(`${other} ${one.by}`);
      followed.add(`${one.by} ${last}`);
    }
    lease = next.lease;
    epochs.set(one.by, lease.epoch);
    acted.push({ epoch: lease.epoch, by: one.by });
  }
  return { lease, acted };
}

test("in no history do two processes act in one epoch, nor does anybody act in an old one", () => {
  fc.assert(
    fc.property(history, (acts) => {
      const { acted } = replay(acts);
      const epochs = acted.map(({ epoch }) => epoch);
      expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
      for (const of of Map.groupBy(acted, ({ epoch }) => epoch).values())
        expect(new Set(of.map(({ by }) => by)).size).toBe(1);
    }),
    { numRuns: 20_000 },
  );
});

test("after any history, whoever asks gets the lease within its time to live", () => {
  fc.assert(
    fc.property(history, fc.constantFrom("a", "b", "c"), (acts, holder) => {
      const { lease } = replay(acts);
      const now = Math.max(0, lease.held?.expiresAt ?? 0);
      const next = takeLease(lease, { ...request, holder, bootId: "new" }, now);
      expect(next).toMatchObject({ ok: true, lease: { epoch: lease.epoch + 1 } });
    }),
  );
});

test("who was followed does not come back when another installation had the lease between", () => {
  let lease = noLease;
  const take = (holder: string, bootId: string, now: number) => {
    const next = takeLease(lease, { ...request, holder, bootId }, now);
    if (next.ok) lease = next.lease;
    return next.ok;
  };
  const all = [take("a", "a2", 0), take("a", "a1", 0), take("b", "b1", LEASE_TTL_MS)];
  expect([...all, take("a", "a1", 2 * LEASE_TTL_MS)]).toEqual([true, true, true, true]);
  expect(take("a", "a2", 2 * LEASE_TTL_MS)).toBe(false);
});

test("the same installation takes over at once with a new process, and the old one is fenced", () => {
  const first = takeLease(noLease, request, 0);
  if (!first.ok) throw new Error(first.reason);
  const second = takeLease(first.lease, { ...request, bootId: "a2" }, 1);
  if (!second.ok) throw new Error(second.reason);
  expect(second.lease.epoch).toBe(2);
  expect(takeLease(second.lease, { ...request, epoch: 1 }, 2)).toEqual({
    ok: false,
    reason: "fenced",
    epoch: 2,
  });
});

test("two live processes of one installation do not take it from each other: the second has it until it is silent", () => {
  const boot = (bootId: string) => ({ ...request, bootId });
  let lease: Lease = noLease;
  const acquire = (bootId: string, now: number) => {
    const next = takeLease(lease, boot(bootId), now);
    if (next.ok) lease = next.lease;
    return next.ok ? next.lease.epoch : next.reason;
  };
  expect([acquire("old", 0), acquire("new", 1)]).toEqual([1, 2]);
  for (let now = 2; now < LEASE_TTL_MS; now += 1_000) expect(acquire("old", now)).toBe("leased");
  // Said again, as when the answer was lost.
  expect(acquire("new", 2)).toBe(3);
  // The next process of the supervisor's comes at once, as ever.
  expect([acquire("newer", 3), acquire("new", 4), acquire("old", 5)]).toEqual([4, "leased", "leased"]);
  expect([acquire("old", 3 + LEASE_TTL_MS), acquire("newer", 4 + LEASE_TTL_MS)]).toEqual([5, "leased"]);
});

test("a lease that has lapsed can't be renewed, though nobody else took it", () => {
  const first = takeLease(noLease, request, 0);
  if (!first.ok) throw new Error(first.reason);
  const renew = { ...request, epoch: 1 };
  expect(takeLease(first.lease, renew, LEASE_TTL_MS - 1).ok).toBe(true);
  expect(takeLease(first.lease, renew, LEASE_TTL_MS)).toMatchObject({ ok: false, reason: "fenced" });
  expect(isCurrent(first.lease, 1, LEASE_TTL_MS)).toBe(false);
});

test("who is not heard of is seen before its lease lapses: within 15 s of the loss, whenever it fell", () => {
  const first = takeLease(noLease, request, 0);
  if (!first.ok) throw new Error(first.reason);
  expect(isHeard(first.lease, 2 * RENEW_MS)).toBe(true);
  expect(isHeard(first.lease, LEASE_TTL_MS - 2_000)).toBe(false);
  expect(isHeld(first.lease, LEASE_TTL_MS - 1)).toBe(true);
  expect(isHeard(endLease(first.lease, 1_000), 1_000)).toBe(false);
  expect(isHeard(noLease, 0)).toBe(false);
});

test("both speak the highest version that both know; with none in common nothing changes", () => {
  expect(takeLease(noLease, { ...request, protocols: [9, 1] }, 0)).toMatchObject({
    ok: true,
    held: { protocol: 1 },
  });
  expect(takeLease(noLease, { ...request, protocols: [0, 9] }, 0)).toEqual({
    ok: false,
    reason: "protocol_unsupported",
    protocols: [1],
  });
});

test("a skewed clock is told, and decides nothing", () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e9, max: 1e9 }), (skew) => {
      const next = takeLease(noLease, { ...request, now: 1e9 + skew }, 1e9);
      expect(next).toMatchObject({ ok: true, held: { skewMs: skew, expiresAt: 1e9 + LEASE_TTL_MS } });
    }),
  );
});
