/** What customers' consoles print, beside what Node's own prints. */
import { Console } from "node:console";
import { Writable } from "node:stream";
import { formatWithOptions, inspect } from "node:util";
import { expect, test } from "vitest";
import { consoleText } from "./console.ts";

type Printing = (console: Console) => void;

const circular: Record<string, unknown> = { name: "it" };
circular.self = circular;
class Point {
  readonly x = 1;
}

const PRINTED: Record<string, Printing> = {
  placeholders: (c) =>
    c.log(
      "%s is %d, %i, %f, %j, %o, %O, %c%%",
      "it",
      42n,
      1.9,
      "1.5",
      { a: 1 },
      [1],
      { b: 2 },
      "css",
      "more",
    ),
  "nested objects": (c) =>
    c.info({ a: { b: { c: { d: 1 } } } }, [[[[1]]]], new Map([["k", { v: 1 }]]), new Set([1])),
  "circular objects": (c) => c.warn(circular),
  classes: (c) => c.debug(new Point(), Point, () => 1, Symbol("s"), null, undefined, -0, 10n),
  "long arrays": (c) =>
    c.log(
      Array.from({ length: 200 }, (_, i) => i),
      "x".repeat(200),
    ),
  bytes: (c) => c.log(new Uint8Array(3), Buffer.from("hi"), new Date(0), /re/g),
  dir: (c) => c.dir({ a: { b: { c: { d: { e: 1 } } } } }, { depth: 0 }),
  "dir, deeper": (c) => c.dir({ a: { b: { c: { d: { e: 1 } } } } }, { depth: null }),
  dirxml: (c) => c.dirxml({ a: 1 }, [2]),
  "assertions that hold": (c) => c.assert(true, "not printed"),
  "assertions that fail": (c) => {
    c.assert(false);
    c.assert(false, "with %s", "a reason");
    c.assert(false, { an: "object" });
  },
  counters: (c) => {
    c.count();
    c.count();
    c.count("other");
    c.countReset();
    c.count();
  },
  groups: (c) => {
    c.group("outer");
    c.log("two\nlines");
    c.group();
    c.warn({ deep: true });
    c.groupEnd();
    c.groupEnd();
    c.groupEnd();
    c.log("outside");
  },
  "a table of objects": (c) =>
    c.table([
      { a: 1, b: "x" },
      { b: { c: 1 }, d: [1, 2, 3, 4, 5] },
    ]),
  "a table of some columns": (c) => c.table([{ a: 1, b: 2 }, { a: 3 }], ["b", "z"]),
  "a table of values": (c) => c.table(["a", 1, null]),
  "a table of both": (c) => c.table({ one: { a: 1 }, two: 2 }),
  "a table of a map": (c) => c.table(new Map([["a", { b: 1 }]])),
  "a table of a set": (c) => c.table(new Set(["a", 1])),
  "a table of nothing": (c) => c.table([]),
  "a table of no table": (c) => c.table("text"),
};

function ofNode(print: Printing): string {
  let text = "";
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk;
      done();
    },
  });
  print(new Console({ stdout: stream, stderr: stream, colorMode: false }));
  return text;
}

function ours(print: Printing): { levels: string[]; text: string } {
  const install = new Function(`${consoleText}; return installConsole`)() as (
    console: object,
    parts: object,
  ) => void;
  const lines: [level: string, text: string][] = [];
  const state = { indent: "", counts: new Map(), timers: new Map() };
  let now = 0;
  const console = {};
  const emit = (level: string, text: string) => lines.push([level, text]);
  const clock = () => (now += 1_500);
  install(console, { format: formatWithOptions, inspect, now: clock, emit, state: () => state });
  print(console as Console);
  return { levels: lines.map(([level]) => level), text: lines.map(([, text]) => `${text}\n`).join("") };
}

test.each(Object.entries(PRINTED))("%s are printed as Node does", (_, print) => {
  expect(ours(print).text).toBe(ofNode(print));
});

test("timers tell how long it took, as Node writes it", () => {
  const { text } = ours((c) => {
    c.time("t");
    c.timeLog("t", { a: 1 });
    c.timeEnd("t");
    c.timeEnd("t");
  });
  expect(text).toBe("t: 1.500s { a: 1 }\nt: 3.000s\nNo such label 't' for console.timeEnd()\n");
});

test("each method has its level", () => {
  const { levels } = ours((c) => {
    for (const level of ["log", "info", "debug", "warn", "error", "trace"] as const) c[level]("x");
    c.assert(false);
    c.table([1]);
    c.dir(1);
  });
  expect(levels).toEqual(["log", "info", "debug", "warn", "error", "trace", "warn", "log", "log"]);
});

test("a trace begins where it was asked for", () => {
  const { text } = ours(function here(c) {
    c.trace("at %d", 1);
  });
  expect(text).toMatch(/^Trace: at 1\n {4}at here /);
});
