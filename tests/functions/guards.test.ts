/** What a middleware guards is had by no spelling of its address without it. */
import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployFunctions } from "#tests/support/functions.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { middlewareRoutes } from "../../packages/builder/functions/routes.ts";

const platform = new TestPlatform();

const FILES = {
  "admin/index.html": "SECRET page",
  "admin/a b.html": "SECRET too",
  "R&D/a+b=c.html": "SECRET plan",
  "été/a.html": "SECRET summer",
  "index.html": "home",
};
const FUNCTIONS = {
  _middleware: `export default () => new Response("who are you?", { status: 401 })`,
  "api/secret": `export default () => new Response("SECRET answer")`,
  "rest/[...path]": `export default () => new Response("SECRET rest")`,
};

beforeAll(async () => {
  await platform.start();
  const guards = middlewareRoutes([
    "/admin/:path*",
    "/api/:path*",
    "/rest/:path*",
    "/R&D/:path*",
    "/été/:path*",
  ]);
  const rest = { src: "^/rest/(?<path>.+?)/?$", dest: "/rest/[...path]?path=$path", check: true };
  for (const [name, routes] of Object.entries({ guarded: guards, whole: middlewareRoutes(undefined) })) {
    const { id } = await platform.client.request("POST /api/projects", { body: { name } });
    const config = { routes: [...routes, { handle: "rewrite" }, rest] };
    await deployFunctions(platform.client, id, FUNCTIONS, config, FILES);
  }
});
afterAll(() => platform.remove());

interface Asked {
  status: number;
  location: string | undefined;
  text: string;
}

/** As it is written: a URL parser would tidy it. */
function ask(site: string, path: string): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const headers = { host: `${site}.localhost:${platform.port}` };
    request({ host: "127.0.0.1", port: platform.port, path, headers }, (found) => {
      const chunks: Buffer[] = [];
      found.on("data", (chunk: Buffer) => chunks.push(chunk));
      found.on("end", () =>
        resolve({
          status: found.statusCode ?? 0,
          location: found.headers.location,
          text: Buffer.concat(chunks).toString(),
        }),
      );
    })
      .on("error", reject)
      .end();
  });
}

/** To where redirects lead. */
async function follow(site: string, path: string): Promise<Asked[]> {
  const all: Asked[] = [];
  for (let next: string | undefined = path; next !== undefined && all.length < 5; next = all.at(-1)?.location)
    all.push(await ask(site, next));
  return all;
}

const SPELLINGS = [
  ...["/R&D/a+b=c", "/R%26D/a%2Bb%3Dc.html", "/%52%26d/a+b=c", "/%C3%A9t%C3%A9/a", "/%c3%a9t%C3%A9/a.html"],
  ...[
    "/admin",
    "/admin/",
    "/admin/index.html",
    "/admin/index",
    "/ADMIN/",
    "/admin/a%20b.html",
    "/admin/a%20b",
  ],
  ...[
    "//admin/",
    "//admin/index.html",
    "///admin//index.html",
    "/admin//",
    "/admin//index.html",
    "/./admin/",
  ],
  ...[
    "/%61dmin/",
    "/%61%64%6D%69%6e/index.html",
    "/admin/%69ndex.html",
    "/admin/index%2Ehtml",
    "/x/..//admin/",
  ],
  ...["/%2e/admin/", "/x/%2e%2e/admin/", "/x/.%2E/admin/index.html", "\\admin\\index.html", "/admin\\"],
  ...["/admin%2Findex.html", "/%2Fadmin/", "/admin/?x", "/admin/;x/../", "/admin/index.html/"],
  ...["/api/secret", "/api/secret/", "//api/secret", "/api//secret", "/%61pi/secret", "/api/%73ecret/"],
  ...["/rest/a", "/rest/a/", "//rest/a", "/rest//a", "/%72est/a/b", "/rest/a%2Fb", "/rest/%2e%2e%2fa"],
];

test.each(SPELLINGS)("%s", async (path) => {
  for (const site of ["guarded", "whole"]) {
    const answers = await follow(site, path);
    for (const { text } of answers) expect(text).not.toContain("SECRET");
    const { status } = answers.at(-1) ?? { status: 0 };
    expect(site === "whole" ? [400, 401] : [400, 401, 404]).toContain(status);
  }
});

test("without a matcher every path is asked, the first too", async () => {
  for (const path of ["/", "/index.html", "/docs/", "/not/there"])
    expect((await ask("whole", path)).status).toBe(401);
  expect(await ask("guarded", "/")).toMatchObject({ status: 200, text: "home" });
});

test("slashes in a row are answered with the path that has one each, and the query", async () => {
  expect(await ask("guarded", "//a///b?c=//d")).toMatchObject({ status: 308, location: "/a/b?c=//d" });
  expect(await ask("guarded", "//evil.example/x")).toMatchObject({
    status: 308,
    location: "/evil.example/x",
  });
});
