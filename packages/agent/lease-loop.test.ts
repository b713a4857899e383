import type { LeaseAnswer, LeaseRequest } from "@cloudify/protocol";
import { expect, test } from "vitest";
import { VirtualClock } from "../../tests/support/virtual-clock.ts";
import type { Answer } from "./client.ts";
import { type About, LeaseLoop } from "./lease-loop.ts";

const about = { holder: "h", bootId: "b" } as About;
const refusal = (code: string, extensions = {}): Answer<LeaseAnswer> => ({
  ok: false,
  code,
  status: 409,
  detail: "",
  retryAfterMs: null,
  extensions,
});

/** A lease loop, and the other side of it, which answers what it is told to. */
function begin() {
  const clock = new VirtualClock();
  const asked: LeaseRequest[] = [];
  const said: string[] = [];
  const over = new AbortController();
  const other = {
    epoch: 0,
    skewMs: 0,
    answer: null as Answer<LeaseAnswer> | null,
  };
  const loop = new LeaseLoop(
    { clock, random: () => 0.5, log: (_level, message) => said.push(message) },
    {
      client: {
        async lease(request) {
          asked.push(request);
          if (other.answer) return other.answer;
          if (request.epoch === null) other.epoch += 1;
          const times = { ttlMs: 15_000, renewMs: 5_000, now: clock.now() - other.skewMs };
          const feed = { cursor: 0, digest: "" };
          const rest = { isDraining: false, credential: null, ingressKey: "k", feed };
          return { ok: true, value: { epoch: other.epoch, protocol: 1, ...times, ...rest } };
        },
      },
      about: async () => about,
      onGranted: () => undefined,
      onCredential: () => undefined,
      onUnauthenticated: () => undefined,
    },
  );
  const running = loop.run(over.signal);
  const stop = async () => {
    over.abort();
    await clock.pass(0);
    await running;
  };
  return { clock, asked, said, other, loop, stop };
}

test("without a renewal, what is under way is told to stop before the lease can be another's", async () => {
  const { clock, loop, other, stop } = begin();
  await clock.pass(0);
  expect(loop.mayMutate).toBe(true);
  const { guard } = loop;
  await clock.pass(2_000);
  other.answer = refusal("unreachable");
  await clock.pass(9_999);
  expect(guard.aborted).toBe(false);
  await clock.pass(3_000);
  expect([guard.aborted, loop.mayMutate, loop.epoch]).toEqual([true, false, 1]);
  other.answer = null;
  await clock.pass(60_000);
  expect([loop.mayMutate, loop.guard.aborted]).toEqual([true, false]);
  await stop();
});

test("a process that stood still changes nothing when it goes on, before it has asked", async () => {
  const { clock, loop, stop } = begin();
  await clock.pass(0);
  await clock.freeze(14_000);
  expect(loop.mayMutate).toBe(false);
  await stop();
});

test("no jump of the wall clock fences, or keeps from being fenced", async () => {
  const { clock, loop, other, stop } = begin();
  await clock.pass(0);
  clock.offset += 3_600_000;
  await clock.pass(1_000);
  expect(loop.mayMutate).toBe(true);
  other.answer = refusal("unreachable");
  clock.offset -= 7_200_000;
  await clock.pass(15_000);
  expect(loop.mayMutate).toBe(false);
  await stop();
});

test("fenced, it acquires again; leased, it waits for as long as it is told", async () => {
  const { clock, asked, loop, other, stop } = begin();
  await clock.pass(0);
  other.answer = refusal("fenced", { epoch: 7 });
  await clock.pass(5_000);
  expect(loop.epoch).toBeNull();
  other.answer = refusal("leased", { retryAfterMs: 9_000 });
  await clock.pass(1_000);
  const count = asked.length;
  expect(asked.at(-1)?.epoch).toBeNull();
  await clock.pass(8_000);
  expect(asked).toHaveLength(count);
  other.answer = null;
  await clock.pass(3_000);
  expect(loop.mayMutate).toBe(true);
  await stop();
});

test("another call that is told it is fenced ends the epoch at once, and only its own", async () => {
  const { clock, loop, stop } = begin();
  await clock.pass(0);
  loop.lost(99);
  expect(loop.mayMutate).toBe(true);
  const { guard } = loop;
  loop.lost(1);
  expect([loop.mayMutate, guard.aborted]).toEqual([false, true]);
  await clock.pass(100);
  expect(loop.epoch).toBe(2);
  await stop();
});

test("a skewed clock is said once, and leaving is said at once", async () => {
  const { clock, asked, loop, other, said, stop } = begin();
  other.skewMs = 30_000;
  await clock.pass(30_000);
  expect(loop.skewMs).toBe(30_000);
  expect(said.filter((line) => line.includes("30000 ms ahead"))).toHaveLength(1);
  const count = asked.length;
  loop.drain();
  await clock.pass(1);
  expect(asked).toHaveLength(count + 1);
  expect(asked.at(-1)?.isDraining).toBe(true);
  await stop();
});
