/** Pages whose beginning was rendered when the output was built: "Prerender Functions" of the Build Output API, `chain`. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { edge } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { node } from "#tests/support/node-functions.ts";
import { TestPlatform, until } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";

const platform = new TestPlatform();
const at = (path: string) => `http://partial.localhost:${platform.port}${path}`;
const STATE = '{"postponed":"näher"}';
const BEGUN = "<html><h1>begun</h1>";

/** Goes on from what it is sent; asked without, it makes the whole page. */
const CODE = `export default async (request) => {
  const isResumed = request.headers.get("next-resume") === "1";
  const { searchParams } = new URL(request.url);
  if (searchParams.has("fail")) throw new Error("failed");
  if (searchParams.has("parts")) {
    const { readable, writable } = new TransformStream();
    const write = async () => {
      const writer = writable.getWriter();
      for (const part of ["one ", "two ", "three"]) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        await writer.write(new TextEncoder().encode(part));
      }
      await writer.close();
    };
    write();
    return new Response(readable);
  }
  return new Response(isResumed ? "<p>" + request.method + " " + (await request.text()) + " " + new URL(request.url).search + "</p>" : "whole " + request.method);
};`;

/** In a region, and not before 300 ms have passed. */
const SLOWLY = `module.exports = (req, res) => setTimeout(() => res.end("<p>the rest</p>"), 300);`;

beforeAll(async () => {
  await platform.start({ CLOUDIFY_REGIONS: "fra" });
  const { id } = await platform.client.request("POST /api/projects", { body: { name: "partial" } });
  const bytes = new TextEncoder().encode(STATE).length;
  const bare = (name: string) =>
    JSON.stringify({
      fallback: `${name}.prerender-fallback.html`,
      initialHeaders: {
        "content-type": `application/x-nextjs-pre-render; state-length=${bytes}; origin="text/html"`,
      },
      chain: { outputPath: name, headers: { "next-resume": "1" } },
    });
  const output = {
    ...tree({}),
    ...edge("page", CODE),
    "functions/page.prerender-config.json": JSON.stringify({
      expiration: false,
      fallback: "page.prerender-fallback.html",
      bypassToken: "let-me-draft",
      experimentalBypassFor: [
        { type: "header", key: "next-action" },
        { type: "header", key: "user-agent", value: ".*(?:Googlebot|Bingbot).*" },
      ],
      initialHeaders: {
        "content-type": `application/x-nextjs-pre-render; state-length=${bytes}; origin="text/html; charset=utf-8"`,
        "x-next-cache-tags": "a,b",
        vary: "rsc",
      },
      chain: { outputPath: "page", headers: { "next-resume": "1" } },
    }),
    "functions/page.prerender-fallback.html": STATE + BEGUN,
    ...edge("empty", CODE),
    "functions/empty.prerender-config.json": bare("empty"),
    "functions/empty.prerender-fallback.html": STATE,
    ...node("regional", SLOWLY),
    "functions/regional.prerender-config.json": bare("regional"),
    "functions/regional.prerender-fallback.html": STATE + BEGUN,
    "functions/whole.prerender-config.json": JSON.stringify({ fallback: "whole.prerender-fallback.html" }),
    "functions/whole.prerender-fallback.html": "all of it",
  };
  const done = await deployTree(platform.client, id, output, { target: "production" });
  expect(done.error).toBeNull();
});
afterAll(() => platform.remove());

test("the beginning goes out, and what the function makes of the rest follows", async () => {
  const answer = await get(at("/page?name=Ada"));
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(answer.headers.get("vary")).toContain("rsc");
  expect(answer.headers.get("x-next-cache-tags")).toBeNull();
  expect(answer.headers.get("cache-control")).toContain("no-store");
  expect(await answer.text()).toBe(`${BEGUN}<p>POST ${STATE} ?name=Ada</p>`);
  const head = await get(at("/page"), { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
});

test("a rest that comes in parts arrives whole, part by part", async () => {
  const { body } = await get(at("/page?parts"));
  const parts: string[] = [];
  for await (const chunk of body ?? []) parts.push(Buffer.from(chunk).toString());
  expect(parts.join("")).toBe(`${BEGUN}one two three`);
  expect(parts.length).toBeGreaterThan(1);
});

test("of a page that has no beginning the function makes everything", async () => {
  expect(await (await get(at("/empty?a=1"))).text()).toBe(`<p>POST ${STATE} ?a=1</p>`);
});

test("a page that was rendered whole needs no function", async () => {
  expect(await (await get(at("/whole"))).text()).toBe("all of it");
});

test.each([
  ["another method", { method: "POST", body: "x" }, "whole POST"],
  ["a header that its builder named", { headers: { "next-action": "abc" } }, "whole GET"],
  ["a visitor that its builder named", { headers: { "user-agent": "Mozilla (Googlebot/2.1)" } }, "whole GET"],
  ["draft mode", { headers: { cookie: "__prerender_bypass=let-me-draft" } }, "whole GET"],
])("the function answers by itself: %s", async (_, ask, text) => {
  expect(await (await get(at("/page"), ask)).text()).toBe(text);
});

test("another method is no question for a page whose builder named nothing, either", async () => {
  const answer = await get(at("/empty"), { method: "POST", body: "x" });
  expect(await answer.text()).toBe("whole POST");
});

test("no visitor can send a state of their own", async () => {
  const answer = await get(at("/page"), { method: "POST", headers: { "next-resume": "1" }, body: "mine" });
  expect(await answer.text()).toBe("whole POST");
  const draft = await get(at("/page"), { headers: { cookie: "__prerender_bypass=wrong" } });
  expect(await draft.text()).toContain(BEGUN);
});

test("a page whose rest fails is cut, not passed off as whole", async () => {
  const answer = await get(at("/page?fail"));
  await expect(answer.text()).rejects.toThrow();
});

test("the traffic of such a page tells the time of its function, and the region that it ran in", async () => {
  const answer = await get(at("/regional"));
  expect(await answer.text()).toBe(`${BEGUN}<p>the rest</p>`);
  const regional = await until(async () => {
    const { data } = await platform.client.request("GET /api/projects/{project}/traffic", {
      params: { project: "partial" },
    });
    return data.find(({ byRegion }) => byRegion.fra !== undefined);
  });
  expect(regional.byRegion).toEqual({ fra: 1 });
  expect(regional.functionMs).toBeGreaterThanOrEqual(300);
});
