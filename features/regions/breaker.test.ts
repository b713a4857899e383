import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  admission,
  type Breaker,
  closed,
  enter,
  FAILURES,
  failed,
  PASSES,
  passed,
  WINDOW_MS,
} from "./breaker.ts";

type Step = { type: "passed" | "failed" | "enter"; after: number; chance: number };

const steps = fc.array(
  fc.record<Step>({
    type: fc.constantFrom("passed", "failed", "enter"),
    after: fc.nat({ max: 8_000 }),
    chance: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  { maxLength: 200 },
);

function step(breaker: Breaker, { type, chance }: Step, now: number): Breaker {
  switch (type) {
    case "passed":
      return passed(breaker, now);
    case "failed":
      return failed(breaker, now, chance);
    case "enter":
      return enter(breaker, now);
  }
}

const failing = (breaker: Breaker, times: number, now: number, chance = 0): Breaker =>
  Array.from({ length: times }).reduce<Breaker>((so) => failed(so, now, chance), breaker);

describe("in every history", () => {
  test("an open breaker lets a trial through after 30 s at the latest", () => {
    fc.assert(
      fc.property(steps, (history) => {
        let now = 0;
        let breaker: Breaker = closed;
        for (const one of history) {
          now += one.after;
          breaker = step(breaker, one, now);
          expect(admission(breaker, now + 30_000)).not.toBe("shut");
        }
      }),
    );
  });

  test("only a trial that was let through, and then enough of them in a row, close it", () => {
    fc.assert(
      fc.property(steps, (history) => {
        let now = 0;
        let breaker: Breaker = closed;
        let passes = 0;
        for (const one of history) {
          now += one.after;
          const before = breaker;
          breaker = step(breaker, one, now);
          if (before.state === "half-open" && one.type === "passed") passes++;
          if (breaker.state === "open") passes = 0;
          if (before.state === "open") expect(breaker.state).not.toBe("closed");
          if (before.state === "half-open" && breaker.state === "closed") expect(passes).toBe(PASSES);
          if (breaker.state === "closed") passes = 0;
        }
      }),
    );
  });

  test("it opens only with enough failures in the window", () => {
    fc.assert(
      fc.property(steps, (history) => {
        let now = 0;
        let breaker: Breaker = closed;
        let failures: number[] = [];
        for (const one of history) {
          now += one.after;
          const before = breaker;
          breaker = step(breaker, one, now);
          if (one.type === "failed") failures.push(now);
          failures = failures.filter((at) => now - at < WINDOW_MS);
          if (before.state === "closed" && breaker.state === "open")
            expect(failures.length).toBeGreaterThanOrEqual(FAILURES);
        }
      }),
    );
  });

  test("of those who ask at once while it is half open, one is let through", () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 2, max: 50 }), (history, askers) => {
        let now = 0;
        let breaker: Breaker = closed;
        for (const one of history) {
          now += one.after;
          breaker = step(breaker, one, now);
        }
        if (breaker.state === "closed") return;
        let through = 0;
        for (let i = 0; i < askers; i++) {
          if (admission(breaker, now) === "trial") through++;
          breaker = enter(breaker, now);
        }
        expect(through).toBeLessThanOrEqual(1);
      }),
    );
  });
});

test("a region that fails now and then is not given up", () => {
  let breaker: Breaker = closed;
  for (let now = 0; now < 60_000; now += 5)
    breaker = now % 25 === 0 ? failed(breaker, now, 0.5) : passed(breaker, now);
  expect(breaker.state).toBe("closed");
});

test("one that is killed under load is left within a dozen requests", () => {
  let breaker: Breaker = closed;
  for (let now = 0; now < 5_000; now += 5) breaker = passed(breaker, now);
  expect(failing(breaker, 12, 5_000).state).toBe("open");
});

test("each time that it opens again it is open for twice as long, from 1–2 s to 15–30 s", () => {
  for (const chance of [0, 1]) {
    const lengths: number[] = [];
    let now = 0;
    let breaker = failing(closed, FAILURES, now, chance);
    for (let i = 0; i < 7; i++) {
      if (breaker.state !== "open") throw new Error("it is not open");
      lengths.push(breaker.until - now);
      now = breaker.until;
      breaker = failed(enter(breaker, now), now, chance);
    }
    const least = [1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000];
    expect(lengths).toEqual(least.map((one) => one * (1 + chance)));
  }
});

test("it is closed again after two trials, and has forgotten what was", () => {
  const opened = failing(closed, FAILURES, 0);
  const once = passed(enter(opened, 2_000), 2_010);
  expect(once.state).toBe("half-open");
  expect(passed(enter(once, 2_020), 2_030)).toEqual(closed);
});

test("a trial that never comes back makes room for another", () => {
  const trial = enter(failing(closed, FAILURES, 0), 2_000);
  expect(admission(trial, 2_001)).toBe("shut");
  expect(admission(trial, 7_000)).toBe("trial");
});
