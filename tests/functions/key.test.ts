/** What leaves the platform with a function's request: nothing that its processes prove themselves with, and all of the function's. */
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

test("what a function says to others goes there, also by names that have a meaning here", async () => {
  const { port } = outside.address() as AddressInfo;
  const { id } = await platform.client.request("POST /api/projects", { body: { name: "outgoing" } });
  const headers = {
    "cf-access-client-id": "id",
    "x-vercel-protection-bypass": "secret",
    "x-forwarded-for": "203.0.113.9",
  };
  const sent = JSON.stringify({
    ...headers,
    "x-cloudify-hops": "0",
    "x-cloudify-mine": "1",
    "mf-route-override": "api",
  });
  await deployFunctions(platform.client, id, {
    call: `export default () => fetch("http://127.0.0.1:${port}/", { headers: ${sent} })`,
  });
  expect(await (await get(`http://outgoing.localhost:${platform.port}/call`)).text()).toBe("outside");
  expect(seen.at(-1)).toMatchObject(headers);
  expect(Object.keys(seen.at(-1) ?? {}).filter((name) => /^(?:x-cloudify|mf)-/.test(name))).toEqual([]);
});
