import { expect, test } from "vitest";
import { Ports } from "./ports.ts";

test("no two hold one port, whatever is found free; what was given back is given again", async () => {
  const found = [5000, 5000, 5001, 5000, 5001, 5000];
  const ports = new Ports(async () => found.shift() ?? 5002);
  expect(await Promise.all([ports.claim(), ports.claim()])).toEqual([5000, 5001]);
  ports.release(5001);
  expect(await ports.claim()).toBe(5001);
  expect(await ports.claim()).toBe(5002);
});

test("a port that was found is free", async () => {
  expect(await new Ports().claim()).toBeGreaterThan(1_023);
});
