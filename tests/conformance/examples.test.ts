/**
 * Small trees of our own with what each of the `build-output-api` trees of github.com/vercel/examples shows, deployed as a
 * person would: `cloudify deploy --prebuilt`.
 */
import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { edge } from "#tests/support/functions.ts";
import { type Ask, get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { folder } from "#tests/support/sites.ts";

const platform = new TestPlatform();
beforeAll(() => platform.start());
afterAll(() => platform.remove());

interface Deployed {
  id: string;
  warnings: string[];
}
interface Refused {
  error: { code: string; detail: string };
}

const OUTPUT = ".vercel/output";

/** @param links Path in the output → what it is a link to, beside it. */
function written(files: Record<string, string>, config: object, links: Record<string, string> = {}): string {
  const all = { "config.json": JSON.stringify({ version: 3, ...config }), ...files };
  const root = folder(
    Object.fromEntries(Object.entries(all).map(([path, text]) => [`${OUTPUT}/${path}`, text])),
  );
  for (const [path, to] of Object.entries(links)) {
    mkdirSync(dirname(join(root, OUTPUT, path)), { recursive: true });
    symlinkSync(to, join(root, OUTPUT, path));
  }
  return root;
}

const deploy = (name: string, root: string) =>
  platform.json<Deployed>("deploy", root, "--prebuilt", "--prod", "--project", name);

async function refusal(name: string, root: string): Promise<Refused["error"]> {
  const words = ["deploy", root, "--prebuilt", "--prod", "--project", name, "--yes", "--json"];
  const { code, stdout } = await platform.cli(...words);
  expect(code).toBe(1);
  return (JSON.parse(stdout) as Refused).error;
}

async function ask(name: string, path: string, given: Ask = {}) {
  const found = await get(`http://${name}.localhost:${platform.port}${path}`, given);
  return { status: found.status, body: await found.text(), header: (key: string) => found.headers.get(key) };
}

/** A function for Node, or for something else that nothing runs. */
const nodeFunction = (name: string, runtime = "nodejs22.x", more: object = {}): Record<string, string> => ({
  [`functions/${name}.func/.vc-config.json`]: JSON.stringify({
    runtime,
    handler: "index.js",
    launcherType: "Nodejs",
    ...more,
  }),
  [`functions/${name}.func/index.js`]: "module.exports = (req, res) => res.end('rendered anew');",
});
const prerender = (expiration: number | false, fallback: string, more: object = {}) =>
  JSON.stringify({
    expiration,
    group: 1,
    bypassToken: "0123456789abcdef0123456789abcdef",
    allowQuery: ["slug"],
    fallback: { type: "FileFsRef", mode: 33_188, fsPath: fallback },
    ...more,
  });

test("edge-functions", async () => {
  const code = `export default () => new Response("from the edge")`;
  const named = { runtime: "edge", entrypoint: "./index.js" };
  const files = { ...edge("index", code), ...edge("named", code) };
  files["functions/named.func/.vc-config.json"] = JSON.stringify(named);
  await deploy("edge-functions", written(files, {}));
  for (const path of ["/", "/named"])
    expect(await ask("edge-functions", path)).toMatchObject({ status: 200, body: "from the edge" });
  expect((await ask("edge-functions", "/elsewhere")).status).toBe(404);
});

test("edge-middleware", async () => {
  const next = `export default (request, event) => {
    event.waitUntil(Promise.resolve());
    return new Response(null, { headers: { "x-modified": "yes", "x-middleware-next": "1" } });
  }`;
  const routes = [{ src: "/(.*)", middlewarePath: "_middleware", continue: true }];
  await deploy(
    "edge-middleware",
    written({ ...edge("_middleware", next), "static/index.html": "a page" }, { routes }),
  );
  const found = await ask("edge-middleware", "/");
  expect([found.body, found.header("x-modified")]).toEqual(["a page", "yes"]);
  expect((await ask("edge-middleware", "/no-page")).header("x-modified")).toBe("yes");
});

test("routes", async () => {
  const routes = [{ src: "/(.*)", status: 307, headers: { Location: "https://example.com/$1" } }];
  await deploy("routes", written({}, { routes }));
  const found = await ask("routes", "/a/b?c=d");
  expect([found.status, found.header("location")]).toEqual([307, "https://example.com/a/b?c=d"]);
});

test("overrides", async () => {
  const overrides = { data: { contentType: "application/json" }, "another.html": { path: "something-else" } };
  const files = { "static/data": '{"a":1}', "static/another.html": "another", "static/index.html": "index" };
  await deploy("overrides", written(files, { overrides }));
  expect((await ask("overrides", "/data")).header("content-type")).toBe("application/json");
  expect((await ask("overrides", "/something-else")).body).toBe("another");
  expect((await ask("overrides", "/another.html")).status).toBe(404);
});

test("wildcard", async () => {
  const wildcard = [
    { domain: "wildcard.localhost", value: "english" },
    { domain: "other.example", value: "spanish" },
  ];
  const files = {
    "static/english.html": "hello",
    "static/spanish.html": "hola",
    "static/index.html": "links",
  };
  const routes = [{ src: "/", dest: "/$wildcard.html" }];
  await deploy("wildcard", written(files, { wildcard, routes }));
  expect((await ask("wildcard", "/")).body).toBe("hello");
  await deploy("unlisted", written(files, { wildcard: wildcard.slice(1), routes }));
  expect((await ask("unlisted", "/")).body).toBe("links");
});

test("prerender-functions: the page is served as it was built, with its headers, and inspect says so", async () => {
  const files = {
    ...nodeFunction("blog/post"),
    "functions/blog/post.prerender-config.json": prerender(5, "post.prerender-fallback.html", {
      allowQuery: [],
      initialHeaders: { "x-rendered": "1", "content-type": "text/html; charset=utf-8" },
      initialStatus: 203,
    }),
    "functions/blog/post.prerender-fallback.html": "<h1>a post</h1>",
    "static/blog/one.html": "one",
  };
  const routes = [{ handle: "filesystem" }, { src: "/blog/(?<slug>[^/]*)", dest: "/blog/post?slug=$slug" }];
  const root = written(files, { routes, overrides: { "blog/one.html": { path: "blog/one" } } });
  const { id } = await deploy("prerender", root);
  expect((await ask("prerender", "/blog/one")).body).toBe("one");
  const found = await ask("prerender", "/blog/two");
  expect([found.status, found.body, found.header("x-rendered"), found.header("content-type")]).toEqual([
    203,
    "<h1>a post</h1>",
    "1",
    "text/html; charset=utf-8",
  ]);
  const { warnings } = await platform.json<Deployed>("inspect", id);
  expect(warnings).toEqual([expect.stringMatching(/not rendered anew: blog\/post/)]);
});

test("a function that renders one page of many is told which, in the query and as Vercel tells it", async () => {
  const code = `export default (request) => Response.json([new URL(request.url).search, request.headers.get("x-now-route-matches")])`;
  const settings = JSON.stringify({ runtime: "edge", entrypoint: "index.js" });
  const files = {
    "functions/post.func/.vc-config.json": settings,
    "functions/post.func/index.js": code,
    "functions/post.prerender-config.json": JSON.stringify({ expiration: 5, allowQuery: ["slug"] }),
  };
  const routes = [{ handle: "filesystem" }, { src: "/blog/(?<slug>[^/]*)", dest: "/post?slug=$slug" }];
  await deploy("posts", written(files, { routes }));
  const asked = async (given?: Ask) =>
    JSON.parse((await ask("posts", "/blog/three%20four?other=1", given)).body);
  // “The allowQuery filter still applies.”
  expect(await asked()).toEqual(["?slug=three+four", "slug=three+four"]);
  expect(await asked({ method: "POST" })).toEqual(["?other=1&slug=three+four", "slug=three+four"]);
});

test("a route that only adds headers ends its phase, and nothing more", async () => {
  const code = `export default () => new Response("rendered")`;
  const files = {
    "functions/__server.func/.vc-config.json": JSON.stringify({ runtime: "edge", entrypoint: "index.js" }),
    "functions/__server.func/index.js": code,
    "static/a.txt": "a file",
  };
  const routes = [
    { src: "/(.*)", headers: { "x-test": "1" } },
    { src: "/a.txt", dest: "/never" },
    { handle: "filesystem" },
    { src: "/(.*)", dest: "/__server" },
  ];
  await deploy("headers-only", written(files, { routes }));
  for (const [path, body] of [
    ["/a.txt", "a file"],
    ["/api/hello", "rendered"],
  ] as const) {
    const found = await ask("headers-only", path);
    expect([found.status, found.body, found.header("x-test")]).toEqual([200, body, "1"]);
  }
});

test("a page whose last part has a dot, as SvelteKit's adapter writes it", async () => {
  const pages = ["docs/v1.2", "about"];
  const routes = pages.flatMap((page) => [
    { src: `/${page}`, dest: `/${page}/` },
    { src: `/${page}/`, status: 308, headers: { location: `/${page}` } },
  ]);
  const overrides = Object.fromEntries(pages.map((page) => [`${page}.html`, { path: page }]));
  const files = Object.fromEntries(pages.map((page) => [`static/${page}.html`, `page ${page}`]));
  await deploy("dotted", written(files, { routes: [...routes, { handle: "filesystem" }], overrides }));
  for (const page of pages) expect((await ask("dotted", `/${page}`)).body).toBe(`page ${page}`);
});

test("on-demand-isr: pages share a function by links; what has no page of its own is refused by name", async () => {
  const pages = {
    ...nodeFunction("blog/[slug]"),
    "functions/blog/[slug].prerender-config.json": prerender(false, "404.prerender-fallback.html"),
    "functions/blog/404.prerender-fallback.html": "loading",
    "functions/blog/post-1.prerender-config.json": prerender(false, "post-1.prerender-fallback.html"),
    "functions/blog/post-1.prerender-fallback.html": "the first post",
  };
  const links = { "functions/blog/post-1.func": "[slug].func" };
  const routes = [
    { handle: "filesystem" },
    { src: "/blog/(?<slug>[^/]+)(?:/)?", dest: "/blog/[slug]?slug=$slug" },
  ];
  await deploy("isr", written(pages, { routes }, links));
  expect((await ask("isr", "/blog/post-1")).body).toBe("the first post");
  expect((await ask("isr", "/blog/post-9")).body).toBe("loading");
  const whole = written(
    { ...pages, ...nodeFunction("revalidate", "python3.12"), ...nodeFunction("data", "go1.x") },
    { routes },
    links,
  );
  expect(await refusal("isr-whole", whole)).toMatchObject({
    code: "functions_not_yet",
    detail: expect.stringMatching(/data \(go1\.x\), revalidate \(python3\.12\)/),
  });
});

test("preview-mode and draft-mode: a page that only a function can render which nothing runs is refused by name", async () => {
  const files = {
    ...nodeFunction("index", "python3.12"),
    ...nodeFunction("login", "python3.12"),
    "functions/index.prerender-config.json": JSON.stringify({
      expiration: 1,
      group: 1,
      bypassToken: "x".repeat(32),
    }),
  };
  const { code, detail } = await refusal("preview-mode", written(files, {}));
  expect([code, detail]).toEqual(["functions_not_yet", expect.stringMatching(/index \(.*login \(/)]);
});

test("image-optimization: the image is served, and what is not done yet is said", async () => {
  const images = {
    sizes: [256, 384],
    domains: [],
    minimumCacheTTL: 60,
    formats: ["image/avif", "image/webp"],
  };
  const files = {
    "static/index.html": "<img>",
    "static/images/a.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
  };
  const { id } = await deploy("images", written(files, { images }));
  expect((await ask("images", "/images/a.svg")).header("content-type")).toMatch(/^image\/svg\+xml/);
  expect((await ask("images", "/_vercel/image?url=%2Fimages%2Fa.svg&w=256&q=75")).status).toBe(404);
  const { warnings } = await platform.json<Deployed>("inspect", id);
  expect(warnings).toEqual([expect.stringContaining("images are not optimised yet")]);
});

test("functions for Node that nobody misses, as Next.js's builder writes them beside edge functions, need no region", async () => {
  const names = ["robots.txt", "_not-found", "icon.svg.rsc", "srv/react-loadable-manifest"];
  const ofNext = names.map((name) => nodeFunction(name, "nodejs24.x", { framework: { slug: "nextjs" } }));
  const files: Record<string, string> = {
    ...Object.assign({}, ...ofNext),
    ...edge("edge", `export default () => new Response("from the edge")`),
    ...edge("own.svg.rsc", `export default () => new Response("own")`),
    "static/own.svg": "<svg/>",
    "functions/robots.txt.prerender-config.json": prerender(false, "robots.txt.prerender-fallback.body", {
      allowQuery: [],
      initialHeaders: { "set-cookie": "a=1; Expires=Wed, 09 Jun 2027 10:18:14 GMT,b=2; Path=/" },
      fallback: { fsPath: "robots.txt.prerender-fallback.body", contentType: "text/plain" },
    }),
    "functions/robots.txt.prerender-fallback.body": "User-agent: *",
    "static/icon.svg": "<svg/>",
  };
  // A client's navigation asks for it so.
  const links = { "functions/robots.txt.rsc.func": "robots.txt.func" };
  await deploy("unmissed", written(files, {}, links));
  expect((await ask("unmissed", "/edge")).body).toBe("from the edge");
  expect((await ask("unmissed", "/icon.svg.rsc")).body).toBe("<svg/>");
  expect((await ask("unmissed", "/own.svg.rsc")).body).toBe("own");
  for (const path of ["/robots.txt", "/robots.txt.rsc"]) {
    const found = await get(`http://unmissed.localhost:${platform.port}${path}`);
    expect([await found.text(), found.headers.get("content-type")]).toEqual(["User-agent: *", "text/plain"]);
    expect(found.headers.getSetCookie()).toEqual([
      "a=1; Expires=Wed, 09 Jun 2027 10:18:14 GMT",
      "b=2; Path=/",
    ]);
  }
});

test("serverless-functions: refused by name, one that is a link to another too", async () => {
  const root = written(nodeFunction("index", "python3.12"), {}, { "functions/another.func": "index.func" });
  const { code, detail } = await refusal("serverless", root);
  expect([code, detail]).toEqual(["functions_not_yet", expect.stringMatching(/another \(.*index \(/)]);
});
