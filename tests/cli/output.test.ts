/** What the CLI says, and asks, where it could say or ask too much. The platform is played by a server. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { ROOT, run } from "#tests/support/platform.ts";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** @returns The flags that lead to it. */
async function play(answer: RequestListener): Promise<string[]> {
  const server = createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return ["--api", `http://127.0.0.1:${(server.address() as AddressInfo).port}`, "--token", "t"];
}

test.each([
  ["an unknown option", ["ls", "--nonsense"], "unknown option '--nonsense'"],
  ["an unknown command", ["depoly"], "unknown command 'depoly'"],
  ["an argument that is missing", ["inspect"], "missing required argument 'deployment'"],
  ["a command that is missing", ["functions"], "A command is missing."],
])("%s is one document with --json, as any other error", async (_, words, detail) => {
  const { code, stdout } = await run([...words, "--json"], {});
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({
    error: { code: "usage", detail: expect.stringContaining(detail) },
  });
});

test("with --help and --json nothing is an error", async () => {
  expect(await run(["--help", "--json"], {})).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("Usage:"),
  });
});

test("who has read enough of a log ends it quietly", async () => {
  const row = (seq: number) =>
    JSON.stringify({ seq, at: 0, stream: "build", level: "info", text: "x".repeat(100) });
  const flags = await play((_, res) => {
    res.writeHead(200, { "content-type": "application/x-ndjson" });
    res.end(Array.from({ length: 50_000 }, (_none, seq) => `${row(seq)}\n`).join(""));
  });
  const child = spawn(process.execPath, [
    join(ROOT, "packages/cli/bin/cloudify.js"),
    "logs",
    "dpl_1",
    ...flags,
  ]);
  let told = "";
  child.stderr.on("data", (chunk: Buffer) => {
    told += chunk.toString();
  });
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  child.stdout.destroy();
  expect(await ended).toEqual([0, null]);
  expect(told).toBe("");
});

test.each([
  ["out of the rollout that it saw", { deploymentId: "dpl_2", percent: 10 }, "rollout/abort", false],
  ["to what was live before what it saw", null, "rollback", true],
])("a revert goes back %s, or is refused", async (_, canary, way, held) => {
  const posted: unknown[] = [];
  const flags = await play(async (req, res) => {
    let body = "";
    for await (const chunk of req) body += String(chunk);
    if (req.method === "POST") posted.push([req.url, JSON.parse(body)]);
    const moved = { url: "http://x", live: "dpl_1", canary: null, held };
    const answer = req.method === "POST" ? moved : { id: "prj_1", epoch: 7, canary };
    res.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  const expected = [`/api/projects/prj_1/${way}`, { ifEpoch: 7 }];
  for (const words of [
    ["functions", "revert", "hello"],
    ["rollback", "--project", "prj_1"],
  ]) {
    const { code, stderr } = await run([...words, ...flags], {});
    expect([code, posted.splice(0)]).toEqual([0, [expected]]);
    expect(stderr.includes("It sticks")).toBe(held);
  }
});
