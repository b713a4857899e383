import { expect, test } from "vitest";
import { ALIVE, MEMORY_HEADER, PROCESS_HEADER, RETIRE_HEADER, RETIRED } from "#features/functions/call.ts";
import { Room } from "./room.ts";

const asked = (more: Record<string, string> = {}) => new Headers(more);
const looked = (bytes: number) => asked({ [MEMORY_HEADER]: String(bytes) });

test("a watched process takes no calls before the watchdog has looked at it, and then says who it is", async () => {
  const room = new Room();
  expect(room.answer(asked(), "7 memory").status).toBe(503);
  expect(room.answer(looked(1), "7 memory").status).toBe(200);
  const answer = room.answer(asked(), "7 memory");
  expect([await answer.text(), answer.headers.get(PROCESS_HEADER)]).toEqual([ALIVE, "7 memory"]);
});

test("one that nobody watches is alive at once, and has no name", async () => {
  const answer = new Room().answer(asked(), undefined);
  expect([await answer.text(), answer.headers.has(PROCESS_HEADER)]).toEqual([ALIVE, false]);
});

test("one that is to be replaced is not alive any more, for anybody", async () => {
  const room = new Room();
  room.answer(looked(1), "1 start");
  expect(await room.answer(asked({ [RETIRE_HEADER]: "1" }), "1 start").text()).toBe(RETIRED);
  expect(await room.answer(looked(1), "1 start").text()).toBe(RETIRED);
});

test("it is full well before the watchdog ends it, and no longer than that", () => {
  const room = new Room();
  room.answer(looked(700 * 2 ** 20), "1 start");
  expect(room.isFull).toBe(true);
  room.answer(looked(100 * 2 ** 20), "1 start");
  expect(room.isFull).toBe(false);
});
