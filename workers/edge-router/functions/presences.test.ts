import { expect, test } from "vitest";
import { type Flight, Presences } from "./presences.ts";

const flight = (code: string, generation = 1): Flight => ({
  code,
  since: 10,
  hasAnswered: false,
  isOpenEnded: false,
  isNested: false,
  generation,
});

test("who left is remembered until another process stands there", () => {
  const presences = new Presences();
  const one = flight("a");
  presences.flights.add(one);
  expect(presences.all(1)).toEqual([{ code: "a", since: 10, leftAt: null }]);
  presences.leave(one, 1, 20);
  presences.leave(one, 1, 30);
  expect(presences.all(1)).toEqual([{ code: "a", since: 10, leftAt: 20 }]);
  expect([presences.hasOthers("a", 1), presences.hasOthers("b", 1)]).toEqual([false, true]);
  presences.clear();
  expect(presences.all(2)).toEqual([]);
});

test("who has opened a WebSocket may run until the process ends, whatever it answers later", () => {
  const presences = new Presences();
  for (const [one, now] of [
    [{ ...flight("a"), isOpenEnded: true }, 20],
    [flight("a"), 30],
  ] as const) {
    presences.flights.add(one);
    presences.leave(one, 1, now);
  }
  expect(presences.all(1)).toEqual([{ code: "a", since: 10, leftAt: 30, isOpenEnded: true }]);
});

test("who came when the next process stood there is not forgotten with the last one", () => {
  const presences = new Presences();
  for (const [code, since] of [
    ["a", 10],
    ["b", 30],
  ] as const) {
    const one = { ...flight(code), since };
    presences.flights.add(one);
    presences.leave(one, 1, since + 5);
  }
  presences.clear(30);
  expect(presences.all(1)).toEqual([{ code: "b", since: 30, leftAt: 35 }]);
});

test("a call of an older process is not held against anybody in the next one", () => {
  const presences = new Presences();
  const old = flight("a");
  presences.flights.add(old);
  expect(presences.all(2)).toEqual([]);
  presences.leave(old, 2, 20);
  expect([presences.all(2), presences.flights.size]).toEqual([[], 0]);
});

test("however many codes call, only the last thousand are remembered", () => {
  const presences = new Presences();
  for (let i = 0; i < 3_000; i++) {
    const one = flight(`f${i}`);
    presences.flights.add(one);
    presences.leave(one, 1, i);
  }
  expect(presences.all(1).map(({ code }) => code)).toEqual(
    Array.from({ length: 1_000 }, (_, i) => `f${i + 2_000}`),
  );
});
