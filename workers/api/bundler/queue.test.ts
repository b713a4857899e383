import { expect, test } from "vitest";
import { OneAtATime } from "./queue.ts";

test("one at a time, in order, whatever becomes of the one before", async () => {
  const queue = new OneAtATime(10);
  let running = 0;
  const done: number[] = [];
  const work = (n: number) => async () => {
    expect(++running).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    done.push(n);
    if (n === 1) throw new Error("one");
    return n;
  };
  const all = await Promise.allSettled([0, 1, 2, 3].map((n) => queue.run(work(n))));
  expect(done).toEqual([0, 1, 2, 3]);
  expect(all.map((one) => one.status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
});

test("who comes when too many wait is told so at once", async () => {
  const queue = new OneAtATime(1);
  let free = () => {};
  const held = queue.run(() => new Promise<string>((resolve) => (free = () => resolve("first"))));
  const second = queue.run(async () => "second");
  expect(await queue.run(async () => "third")).toBeNull();
  await Promise.resolve();
  free();
  expect(await Promise.all([held, second])).toEqual(["first", "second"]);
  expect(await queue.run(async () => "fourth")).toBe("fourth");
});
