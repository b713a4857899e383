import { expect, test } from "vitest";
import { VirtualClock } from "../../tests/support/virtual-clock.ts";
import { Queues } from "./queues.ts";

function begin() {
  const clock = new VirtualClock();
  const over = new AbortController();
  const said: string[] = [];
  const log = (_level: string, message: string) => void said.push(message);
  const queues = new Queues({ clock, random: () => 0.5, log }, 1, over.signal);
  return { clock, said, queues };
}

test("what throws is tried again until it is done, and keeps nothing else from its turn", async () => {
  const { clock, said, queues } = begin();
  const done: string[] = [];
  let tries = 0;
  queues.put(
    "a",
    async () => {
      if (++tries < 3) throw new Error("ENOSPC: no space left on device, write");
      return "done";
    },
    () => done.push("a"),
  );
  queues.put(
    "b",
    async () => "done",
    () => done.push("b"),
  );
  await clock.pass(0);
  expect(done).toEqual(["b"]);
  await clock.pass(60_000);
  expect(done).toEqual(["b", "a"]);
  expect(said).toHaveLength(2);
  expect(said[0]).toContain("ENOSPC");
});

test("what has thrown is overtaken by what is newer", async () => {
  const { clock, queues } = begin();
  const done: string[] = [];
  queues.put(
    "a",
    () => Promise.reject(new Error("broken")),
    () => done.push("old"),
  );
  await clock.pass(10);
  queues.put(
    "a",
    async () => "done",
    () => done.push("new"),
  );
  await clock.pass(0);
  expect(done).toEqual(["old", "new"]);
});

test("what is said when something is over does not freeze what comes after it", async () => {
  const { clock, said, queues } = begin();
  const done: string[] = [];
  queues.put(
    "a",
    async () => "done",
    () => {
      throw new Error("a listener is broken");
    },
  );
  await clock.pass(0);
  queues.put(
    "a",
    async () => "done",
    () => done.push("new"),
  );
  await clock.pass(0);
  expect(done).toEqual(["new"]);
  expect(said).toHaveLength(1);
});
