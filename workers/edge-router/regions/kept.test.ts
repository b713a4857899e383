import { expect, test } from "vitest";
import { Kept } from "./kept.ts";

test("all requests together take no more than there is, and what one gives back is another's", () => {
  const kept = new Kept(100);
  const clock = { now: () => 0 };
  const [one, two] = [kept.shareOf(clock, 10), kept.shareOf(clock, 10)];
  expect([one.take(40), one.take(30), two.take(30), two.take(1)]).toEqual([true, true, true, false]);
  one.giveBack();
  one.giveBack();
  expect([two.take(71), two.take(70), one.take(1)]).toEqual([false, true, false]);
});

test("what a request has never given back is free when its time is over", () => {
  let now = 0;
  const kept = new Kept(100);
  const clock = { now: () => now };
  const lost = kept.shareOf(clock, 10);
  const other = kept.shareOf(clock, 20);
  expect(lost.take(100)).toBe(true);
  now = 9;
  expect(other.take(100)).toBe(false);
  now = 10;
  expect(other.take(100)).toBe(true);
  lost.giveBack();
  expect(lost.take(1)).toBe(false);
});
