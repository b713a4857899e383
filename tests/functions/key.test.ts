/** What the platform's processes prove themselves with leaves the platform on no way. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployFunctions } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";

const platform = new TestPlatform();
const seen: IncomingHttpHeaders[] = [];
const outside = createServer((request, answer) => {
  seen.push(request.headers);
  answer.end("outside");
});
beforeAll(async () => {
  await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
  await platform.start({ CLOUDIFY_ALLOW_PRIVATE: "127.0.0.1/32" });
});
afterAll(async () => {
  outside.close();
  await platform.remove();
});

test("a function that calls a host whose rewrite leads outside does not carry the platform's key there", async () => {
  const { port } = outside.address() as AddressInfo;
  const project = async (name: string) =>
    (await platform.client.request("POST /api/projects", { body: { name } })).id;
  const routes = [{ src: "/out", dest: `http://127.0.0.1:${port}/` }];
  const target = { target: "production" };
  await deployTree(platform.client, await project("way-out"), tree({ a: "a" }, { routes }), target);
  const host = `http://way-out.localhost:${platform.port}`;
  await deployFunctions(platform.client, await project("caller"), {
    call: `export default async () => new Response(await (await fetch("${host}/out")).text())`,
  });
  const found = await get(`http://caller.localhost:${platform.port}/call`);
  expect(await found.text()).toBe("outside");
  expect(await (await get(`${host}/out`)).text()).toBe("outside");
  expect(seen.length).toBe(2);
  const ours = seen.flatMap((headers) =>
    Object.keys(headers).filter((name) => name.startsWith("x-cloudify-")),
  );
  expect(ours).toEqual([]);
});
