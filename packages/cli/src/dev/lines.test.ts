import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Client, type LogRow } from "@cloudify/sdk";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Line, Lines } from "./lines.ts";

let log: ServerResponse;
let shown: Line[];
let lines: Lines;
let seq = 0;
const server = createServer();

const thrown = (message: string) => `Error: ${message}\n    at api/a.ts:1:2`;
const summary = (id: string) =>
  `GET /api/a 500 in 9 ms, warm, isolate 3f2a, request ${id}, function_failed: The function threw an error.`;
function write(name: string, text: string, level: LogRow["level"] = "error", at = 1_000): void {
  log.write(`${JSON.stringify({ seq: ++seq, at, stream: `function:${name}`, level, text })}\n`);
}

beforeEach(async () => {
  seq = 0;
  shown = [];
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const asked = new Promise<void>((resolve) => {
    server.once("request", (_, res) => {
      log = res.writeHead(200, { "content-type": "application/x-ndjson" });
      log.flushHeaders();
      resolve();
    });
  });
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  lines = new Lines(new Client({ api, token: "" }), (line) => shown.push(line));
  lines.follow("one");
  await asked;
});
afterEach(() => {
  lines.stop();
  server.closeAllConnections();
  server.close();
});

test("what another function says meanwhile is not what this request failed of", async () => {
  const failure = lines.failureOf("req_1", 1_000);
  write("b", thrown("of another"));
  write("a", thrown("of an earlier request"), "error", 999);
  write("a", "about to fail");
  write("a", thrown("on purpose"));
  write("b", summary("req_2"));
  write("a", summary("req_1"));
  expect(await failure).toMatchObject({ name: "a", text: thrown("on purpose") });
});

test("an error that was logged before is not what was thrown, in whatever order the rows come", async () => {
  write("a", thrown("and survived"));
  write("a", thrown("on purpose"));
  write("a", summary("req_1"));
  write("a", "the end", "info");
  await expect.poll(() => shown.map(({ text }) => text)).toContain("the end");
  expect(await lines.failureOf("req_1", 1_000)).toMatchObject({ text: thrown("on purpose") });
  const late = lines.failureOf("req_2", 2_000);
  write("a", summary("req_2"), "error", 2_000);
  write("a", thrown("late"), "error", 2_000);
  expect(await late).toMatchObject({ text: thrown("late") });
});

test("what has no frames is told when nothing else comes", async () => {
  const failure = lines.failureOf("req_1", 1_000);
  write("a", "a text was thrown");
  write("a", summary("req_1"));
  expect(await failure).toMatchObject({ text: "a text was thrown" });
  expect(shown.map(({ text }) => text)).toEqual(["a text was thrown"]);
});
