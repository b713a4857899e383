import fc from "fast-check";
import { expect, test } from "vitest";
import { memoryStorage } from "../../tests/support/memory-storage.ts";
import { LINES_A_SECOND, MAX_SPOOL_BYTES, type NewLine, Spool } from "./spool.ts";

const line = (stream: string, text: string): NewLine => ({ stream, at: 0, level: "info", text });

test("through crashes, repetitions and losses, each line that was written down arrives once and in order", () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant("say" as const), stream: fc.constantFrom("build", "function:a") }),
    fc.record({ type: fc.constant("write" as const) }),
    fc.record({
      type: fc.constant("send" as const),
      max: fc.integer({ min: 1, max: 5 }),
      isHeard: fc.boolean(),
    }),
    fc.record({ type: fc.constant("crash" as const), isTorn: fc.boolean() }),
    fc.record({ type: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 50 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
      const files = new Map<string, string>();
      const open = () => new Spool(memoryStorage(files), "lines/d.ndjson");
      let spool = open();
      let now = 1_000;
      let said = 0;
      const written: string[] = [];
      let unwritten: string[] = [];
      const received = new Map<string, { n: number; texts: string[] }>();
      const send = (max: number, isHeard: boolean) => {
        const lines = spool.head(max);
        // The other side takes what is above the last number of its stream.
        for (const { stream, n, text } of lines) {
          const held = received.get(stream) ?? { n: 0, texts: [] };
          if (n > held.n) received.set(stream, { n, texts: [...held.texts, text] });
        }
        if (isHeard) spool.forget(lines.length);
      };
      for (const one of steps) {
        if (one.type === "say") {
          const text = `${one.stream} ${said++}`;
          spool.add(line(one.stream, text), now);
          unwritten.push(text);
        } else if (one.type === "write") {
          spool.flush(now);
          written.push(...unwritten);
          unwritten = [];
        } else if (one.type === "send") send(one.max, one.isHeard);
        else if (one.type === "wait") now += one.ms;
        else {
          const [file = "lines/d.ndjson", text = ""] = [...files][0] ?? [];
          // In the middle of writing down.
          if (one.isTorn) files.set(file, `${text}{"stream":"bui`);
          spool = open();
          unwritten = [];
        }
      }
      spool.flush(now);
      written.push(...unwritten);
      while (spool.head(5).length > 0) send(5, true);
      for (const stream of ["build", "function:a"])
        expect(received.get(stream)?.texts ?? []).toEqual(
          written.filter((text) => text.startsWith(`${stream} `)),
        );
      expect(spool.isEmpty).toBe(true);
    }),
  );
});

test("what comes too fast is counted where it is missing", () => {
  const spool = new Spool(memoryStorage(), "lines/d.ndjson");
  for (let count = 0; count < LINES_A_SECOND + 500; count++) spool.add(line("function:a", "x"), 5_000);
  spool.add(line("function:a", "later"), 6_001);
  spool.flush(6_001);
  const lines = spool.head(10_000);
  expect(lines).toHaveLength(LINES_A_SECOND + 2);
  expect(lines.at(-2)).toMatchObject({ gap: 500 });
  expect(lines.at(-1)).toMatchObject({ text: "later" });
});

test("a build says what it has to say at once, and none of it is missing; a program beside it has its own share", () => {
  const spool = new Spool(memoryStorage(), "lines/d.ndjson");
  for (let count = 0; count < 20_000; count++) spool.add(line("build", `built ${count}`), 5_000);
  for (let count = 0; count < LINES_A_SECOND + 1; count++) spool.add(line("function:a", "x"), 5_000);
  spool.flush(5_000);
  const lines = spool.head(100_000);
  expect(lines.filter(({ stream }) => stream === "build")).toHaveLength(20_000);
  expect(lines.filter(({ stream }) => stream === "function:a")).toHaveLength(LINES_A_SECOND);
});

test("while nobody takes them, lines take only so much, and what is left out is counted", () => {
  const files = new Map<string, string>();
  const spool = new Spool(memoryStorage(files), "lines/d.ndjson");
  const text = "x".repeat(10_000);
  for (let second = 1; second <= 2_000; second++) spool.add(line("function:a", text), second * 1_000);
  spool.flush(3_000_000);
  expect(files.get("lines/d.ndjson")?.length).toBeLessThan(MAX_SPOOL_BYTES * 1.1);
  const kept = spool.head(10_000).length;
  spool.forget(kept);
  spool.flush(3_001_000);
  expect(spool.head(10)).toMatchObject([{ gap: 2_000 - kept }]);
});

test("what a crash left of a line takes none of the next process's with it", () => {
  const files = new Map([["f", '{"stream":"build","n":1,"te']]);
  const spool = new Spool(memoryStorage(files), "f");
  spool.add(line("build", "whole"), 1_000);
  spool.flush(1_000);
  expect(new Spool(memoryStorage(files), "f").head(5).map(({ text }) => text)).toEqual(["whole"]);
});
