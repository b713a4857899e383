import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@cloudify/sdk";
import { beforeEach, expect, test } from "vitest";
import { makeOutput } from "../output.ts";
import { Rounds } from "./rounds.ts";
import { Screen } from "./screen.ts";

/** What requests were let go with, one after the other. */
let settled: (string | null)[];
let notes: string[];
let file: string;
let rounds: Rounds;

beforeEach(() => {
  // Nothing to serve: a round ends with that, and asks no platform.
  const root = mkdtempSync(join(tmpdir(), "cloudify-rounds-"));
  settled = [];
  notes = [];
  file = join(root, ".env");
  rounds = new Rounds({
    root,
    output: null,
    isBuild: false,
    stage: {
      client: new Client({ api: "http://127.0.0.1:9", token: "" }),
      project: "",
      port: 9,
      stop: async () => {},
    },
    screen: new Screen({ ...makeOutput(false), note: (text) => notes.push(text) }),
    onReleased: () => undefined,
    onSettled: (fault) => settled.push(fault?.code ?? null),
  });
});

const save = () => {
  writeFileSync(file, "# nothing");
  rounds.expect(file);
};
const told = () => rounds.run(new Set([file]));

test("requests wait for a change that was seen, though it is not told of yet", async () => {
  const first = rounds.run(null);
  save();
  await first;
  expect([settled, notes]).toEqual([[], []]);
  await told();
  expect([settled, notes.length]).toEqual([["nothing_to_deploy"], 1]);
});

test("requests wait for a change that comes during a round", async () => {
  const first = rounds.run(null);
  save();
  const second = told();
  await Promise.all([first, second]);
  expect([settled, notes.length]).toEqual([["nothing_to_deploy"], 1]);
});

test("what changes without a pause does not keep requests for ever", async () => {
  for (let i = 0; i < 10; i++) {
    const round = told();
    save();
    await round;
  }
  expect(settled).toEqual(["nothing_to_deploy", "nothing_to_deploy"]);
});
