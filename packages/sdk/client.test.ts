import { expect, test } from "vitest";
import { Client } from "./client.ts";

test("an upload leaves its length to fetch: a second one makes the request invalid under some dispatchers", async () => {
  const asked: Request[] = [];
  const by: typeof fetch = async (input, init) => {
    asked.push(new Request(input, init));
    return new Response(null, { status: 204 });
  };
  const client = new Client({ api: "http://localhost", token: "t", fetch: by });
  await client.upload("/api/blobs/x", "application/octet-stream", new Blob(["abc"]));
  expect([...(asked[0]?.headers.keys() ?? [])].sort()).toEqual(["authorization", "content-type"]);
  expect(await asked[0]?.text()).toBe("abc");
});

/** A log's stream that says these lines, and is cut or ended. */
const streamOf = (lines: string, isCut: boolean): Response =>
  new Response(
    new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(lines)),
      pull: (controller) => (isCut ? controller.error(new Error("cut")) : controller.close()),
    }),
  );
const problem = (status: number, code: string): Response =>
  Response.json({ code, title: "", status, detail: code }, { status });
const row = (seq: number): string =>
  `${JSON.stringify({ seq, at: 0, stream: "s", level: "info", text: "" })}\n`;

async function follow(answers: (() => Response)[]): Promise<number[]> {
  const by: typeof fetch = async () => {
    const next = answers.shift();
    if (!next) throw new Error("nobody is there");
    return next();
  };
  const retry = { attempts: 2, base: 1, max: 1 };
  const client = new Client({ api: "http://localhost", token: "t", fetch: by, retry });
  const seen: number[] = [];
  for await (const { seq } of client.follow("dpl_1", 0)) seen.push(seq);
  return seen;
}

test("a quiet log is followed over any number of cuts, as long as it is heard in between", async () => {
  const cuts = Array.from({ length: 20 }, () => () => streamOf("\n", true));
  expect(await follow([...cuts, () => streamOf(row(1), false)])).toEqual([1]);
});

test("a platform that was heard may be away for a while; one that never was, may not", async () => {
  const away = Array.from({ length: 12 }, () => () => problem(503, "unavailable"));
  expect(await follow([() => streamOf(row(1), true), ...away, () => streamOf(row(2), false)])).toEqual([
    1, 2,
  ]);
  await expect(follow([...away, () => streamOf(row(1), false)])).rejects.toThrow("unavailable");
});

test("who comes back and may not any more, or to what is gone, is told so", async () => {
  await expect(follow([() => streamOf(row(1), true), () => problem(401, "token_revoked")])).rejects.toThrow(
    "token_revoked",
  );
});
