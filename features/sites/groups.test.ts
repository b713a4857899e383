import type { WorkloadFile } from "@cloudify/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Candidate, groupFunctions, MAX_GROUP_BYTES, sizeOf } from "./groups.ts";

const file = (sha256: string, size = 1): WorkloadFile => ({ sha256, size });
const made = (
  name: string,
  files: Record<string, WorkloadFile>,
  more: Partial<Candidate> = {},
): Candidate => ({
  name,
  node: 24,
  memory: 1_024,
  regions: null,
  run: {
    handler: "index.js",
    cwd: ".",
    launcher: "Nodejs",
    hasHelpers: false,
    maxDuration: 300,
    environment: {},
  },
  files: new Map(Object.entries(files)),
  ...more,
});
const namesOf = (candidates: readonly Candidate[]) =>
  groupFunctions(candidates).map(({ durations }) => Object.keys(durations));

test("the pages of a framework, equal but for a little, are one process", () => {
  const pages = new Map(Object.entries({ "index.js": file("launcher"), "server/app.js": file("app") }));
  const one = made("index", {});
  const groups = groupFunctions([
    { ...one, files: pages },
    { ...one, name: "about", files: pages },
    made("api/hello", { "index.js": file("launcher"), "server/hello.js": file("hello") }),
  ]);
  expect(groups).toHaveLength(1);
  expect(groups[0]).toMatchObject({
    spec: {
      group: "g0",
      run: { kind: "functions", functions: { about: {}, "api/hello": {}, index: { cwd: "." } } },
      files: {
        "index.js": file("launcher"),
        "server/app.js": file("app"),
        "server/hello.js": file("hello"),
      },
    },
  });
});

test.each<[string, Partial<Candidate>]>([
  ["another Node", { node: 22 }],
  ["other memory", { memory: 2_048 }],
  ["regions of its own", { regions: ["iad"] }],
  ["other bytes at a path", { files: new Map([["index.js", file("b")]]) }],
  ["a file where the other has a folder", { files: new Map([["lib", file("b")]]) }],
  ["a folder where the other has a file", { files: new Map([["index.js/a.js", file("b")]]) }],
  ["a link where the other has a file", { files: new Map([["index.js", { link: "a" }]]) }],
  ["more bytes than one may have", { files: new Map([["big", file("b", MAX_GROUP_BYTES)]]) }],
  ["a program of its own", { run: { command: "npm start", maxDuration: 60 } }],
])("%s is a process of its own", (_, more) => {
  const first = made("a", { "index.js": file("a"), "lib/x.js": file("x") });
  expect(namesOf([first, made("b", { "index.js": file("a") }, more)])).toEqual([["a"], ["b"]]);
});

test("variables are a process's: functions with others do not share it", () => {
  const run = { ...made("", {}).run, environment: { A: "1" } };
  const files = { "index.js": file("a") };
  expect(namesOf([made("a", files), made("b", files, { run }), made("c", files, { run })])).toEqual([
    ["a"],
    ["b", "c"],
  ]);
});

test("functions that run in the same regions share a process, which runs there", () => {
  const files = { "index.js": file("a") };
  const groups = groupFunctions([
    made("a", files),
    made("b", files, { regions: ["iad", "sin"] }),
    made("c", files, { regions: ["iad", "sin"] }),
    made("d", files, { regions: ["iad"], run: { command: "npm start", maxDuration: 1 } }),
  ]);
  expect(groups.map(({ regions, durations }) => [Object.keys(durations), regions])).toEqual([
    [["a"], null],
    [
      ["b", "c"],
      ["iad", "sin"],
    ],
    [["d"], ["iad"]],
  ]);
});

const path = fc
  .array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join("/"));
const tree = fc
  .dictionary(
    path,
    fc.constantFrom("1", "2").map((digest) => file(digest, 60 * 1024 * 1024)),
  )
  // A tree that can lie in a folder: no file is another's folder.
  .map((files) =>
    Object.fromEntries(
      Object.entries(files).filter(
        ([one]) => !Object.keys(files).some((other) => other.startsWith(`${one}/`)),
      ),
    ),
  )
  .filter((files) => sizeOf(Object.values(files)) <= MAX_GROUP_BYTES);

test("whatever they are, each function is in one group with all its files as they were, and equal ones share it", () => {
  fc.assert(
    fc.property(fc.array(tree, { maxLength: 8 }), (trees) => {
      const candidates = trees.map((files, i) => made(`f${i}`, files));
      const groups = groupFunctions(candidates);
      expect(groups.flatMap(({ durations }) => Object.keys(durations)).sort()).toEqual(
        candidates.map(({ name }) => name).sort(),
      );
      for (const { spec, durations } of groups) {
        const paths = Object.keys(spec.files);
        expect(sizeOf(Object.values(spec.files))).toBeLessThanOrEqual(MAX_GROUP_BYTES);
        for (const one of paths) expect(paths.filter((other) => other.startsWith(`${one}/`))).toEqual([]);
        for (const name of Object.keys(durations)) {
          const own = candidates.find((one) => one.name === name)?.files ?? new Map();
          expect(spec.files).toMatchObject(Object.fromEntries(own));
        }
      }
      const groupOf = (name: string) => groups.findIndex(({ durations }) => name in durations);
      for (const a of candidates)
        for (const b of candidates)
          if (JSON.stringify([...a.files]) === JSON.stringify([...b.files]))
            expect(groupOf(a.name)).toBe(groupOf(b.name));
      expect(groupFunctions(candidates)).toEqual(groups);
    }),
    { numRuns: 2_000 },
  );
});
