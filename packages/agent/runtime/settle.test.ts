import type { NodeFunction, WorkloadSpec } from "@cloudify/protocol";
import { expect, test } from "vitest";
import { settle } from "./settle.ts";

const one = (more: Partial<NodeFunction> = {}): NodeFunction => ({
  handler: "app/a.js",
  cwd: "app",
  launcher: "Nodejs",
  hasHelpers: false,
  maxDuration: 10,
  environment: {},
  ...more,
});

const spec = (run: WorkloadSpec["run"]): WorkloadSpec => ({
  v: 1,
  group: "main",
  node: 24,
  memory: 128,
  run,
  files: {},
});

const functions = (all: Record<string, NodeFunction>): WorkloadSpec =>
  spec({ kind: "functions", functions: all });

test("functions of one folder share a process, and the variables of their builder", () => {
  const {
    cwd,
    environment,
    functions: all,
  } = settle(
    functions({
      a: one({ environment: { A: "1" } }),
      b: one({ cwd: "./app/", environment: { A: "1", B: "2" } }),
    }),
  );
  expect([cwd, environment, [...all.keys()]]).toEqual(["app/", { A: "1", B: "2" }, ["a", "b"]]);
});

test.each<[string, WorkloadSpec, string]>([
  ["folders that differ", functions({ a: one(), b: one({ cwd: "b" }) }), '"b" works in b, and "a" in app'],
  [
    "variables that differ",
    functions({ a: one({ environment: { A: "1" } }), b: one({ environment: { A: "2" } }) }),
    '"b" has another A',
  ],
  [
    "a module outside",
    functions({ a: one({ handler: "app/../../a.js" }) }),
    "outside of its workload's folder",
  ],
  ["a folder outside", functions({ a: one({ cwd: "/etc" }) }), "outside of its workload's folder"],
  ["no functions", functions({}), "has no functions"],
  ["a service", spec({ kind: "service", command: "npm start", maxDuration: 10 }), "by its own command"],
])("%s: refused, with the reason", (_, refused, reason) => {
  expect(() => settle(refused)).toThrow(reason);
});
