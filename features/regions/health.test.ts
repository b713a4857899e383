import fc from "fast-check";
import { expect, test } from "vitest";
import {
  ANSWERS,
  answered,
  doubted,
  type Health,
  isProbeDue,
  MISSES,
  missed,
  PROBE_LIMIT_MS,
  probing,
  unknown,
} from "./health.ts";

test("in every history it is down after three misses in a row, up after two answers in a row, else as it was", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 100 }), (history) => {
      let health: Health = unknown;
      for (const [i, isAnswered] of history.entries()) {
        const before = health.isDown;
        health = isAnswered ? answered(health) : missed(health);
        const row = (length: number, of: boolean) =>
          i + 1 >= length && history.slice(i + 1 - length, i + 1).every((one) => one === of);
        if (row(MISSES, false)) expect(health.isDown).toBe(true);
        else if (row(ANSWERS, true)) expect(health.isDown).toBe(false);
        else expect(health.isDown).toBe(before);
      }
    }),
  );
});

test("an ingress that falls silent is known to be down within 6 s, whenever it does, if somebody asks every 250 ms", () => {
  fc.assert(
    fc.property(fc.nat({ max: 10_000 }), fc.nat({ max: 249 }), (silentAt, phase) => {
      let health: Health = unknown;
      let ends: { at: number; ok: boolean } | null = null;
      for (let now = phase; now < silentAt + 6_000; now += 250) {
        if (ends && now >= ends.at) {
          health = ends.ok ? answered(health) : missed(health);
          ends = null;
        }
        if (!isProbeDue(health, now)) continue;
        health = probing(health, now);
        const ok = now < silentAt;
        ends = { at: now + (ok ? 5 : PROBE_LIMIT_MS), ok };
      }
      expect(health.isDown).toBe(true);
    }),
  );
});

test("while all is well a probe is due every 2 s, with a doubt every second, and nobody asks twice", () => {
  const probed = probing(unknown, 10_000);
  expect(isProbeDue(unknown, 0)).toBe(true);
  expect(isProbeDue(probed, 11_999)).toBe(false);
  expect(isProbeDue(probed, 12_000)).toBe(true);
  expect(isProbeDue(doubted(probed), 10_999)).toBe(false);
  expect(isProbeDue(doubted(probed), 11_000)).toBe(true);
  expect(isProbeDue(answered(doubted(probed)), 11_000)).toBe(false);
});

test("the load is what was last said of it", () => {
  expect(answered(answered(unknown, 0.4)).load).toBe(0.4);
  expect(answered(answered(unknown, 0.4), null).load).toBeNull();
});
