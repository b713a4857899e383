import { afterEach, expect, test, vi } from "vitest";
import { Turnstile } from "./turnstile.ts";

afterEach(() => vi.unstubAllGlobals());

test("who took long before goes last, others in the order in which they came", async () => {
  // Nobody loses patience.
  vi.stubGlobal("scheduler", { wait: () => new Promise(() => undefined) });
  let now = 0;
  const turnstile = new Turnstile();
  const order: string[] = [];
  /** Comes now, and stays for so long once it is let in. */
  const call = async (name: string, stays: number) => {
    const leave = await turnstile.enter(name, { now: () => now });
    order.push(name);
    now += stays;
    leave?.();
  };
  await call("slow", 25_000);
  const first = turnstile.enter("first", { now: () => now });
  const waiting = ["slow", "a", "slow", "b", "a"].map((name) => call(name, 10));
  (await first)?.();
  await Promise.all(waiting);
  expect(order.join()).toBe("slow,a,a,b,slow,slow");
});
