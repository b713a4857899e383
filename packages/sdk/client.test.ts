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
