import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileRoutes } from "./compile.ts";
import type { Resolution } from "./resolution.ts";
import { resolve } from "./resolve.ts";
import type { RouteTable } from "./table.ts";

function table(routes: unknown[], wildcard: unknown = []): RouteTable {
  const compiled = compileRoutes({ routes, wildcard });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.issues));
  return compiled.table;
}

interface Ask {
  method?: string;
  headers?: Record<string, string>;
  outputs?: string[];
  wildcard?: unknown;
}

/** Outputs are the paths that exist; each stands for itself. */
function ask(
  url: string,
  routes: unknown[],
  { method = "GET", headers = {}, outputs = [], wildcard }: Ask = {},
) {
  const there = new Set(outputs);
  return resolve(
    { method, url: new URL(`http://site.test${url}`), header: (name) => headers[name] ?? null },
    table(routes, wildcard),
    async (path) => (there.has(path) ? path : undefined),
  );
}

const where = (found: Resolution<string, never>) => {
  switch (found.kind) {
    case "output":
      return `${found.output} ${found.status ?? 200}`;
    case "redirect":
      return `${found.status} ${found.location}`;
    case "external":
      return found.url;
    case "status":
      return String(found.status);
  }
};

describe("destinations", () => {
  test("numbered and named groups reach the destination, and its query", async () => {
    const routes = [{ src: "^/u/([^/]+)/(?<post>[^/]+)$", dest: "/show?user=$1&post=$post" }];
    const found = await ask("/u/ann/7?ref=x", routes, { outputs: ["/show"] });
    expect(where(found)).toBe("/show 200");
    if (found.kind === "output") expect(`${found.query}`).toBe("ref=x&user=ann&post=7");
  });

  test("the destination's own parameters win over the client's", async () => {
    const found = await ask("/a?x=1", [{ src: "^/a$", dest: "/b?x=2" }], { outputs: ["/b"] });
    if (found.kind === "output") expect(`${found.query}`).toBe("x=2");
  });

  test("an absolute destination leaves the platform with the query", async () => {
    const found = await ask("/api/x?y=1", [{ src: "^/api/(.*)$", dest: "https://api.test/v2/$1?k=1" }]);
    expect(where(found)).toBe("https://api.test/v2/x?k=1&y=1");
  });

  test("case does not count unless the route says so", async () => {
    const outputs = ["/b"];
    expect(where(await ask("/A", [{ src: "^/a$", dest: "/b" }], { outputs }))).toBe("/b 200");
    const strict = [{ src: "^/a$", dest: "/b", caseSensitive: true }];
    expect(where(await ask("/A", strict, { outputs }))).toBe("404");
  });

  test("a wildcard stands for what the host says", async () => {
    const wildcard = [{ domain: "site.test", value: "de" }];
    const found = await ask("/x", [{ src: "^/x$", dest: "/$wildcard/x" }], { wildcard, outputs: ["/de/x"] });
    expect(where(found)).toBe("/de/x 200");
  });
});

describe("redirects", () => {
  test("keep the client's query, unless the target sets the parameter itself", async () => {
    const routes = [{ src: "^/old/(.*)$", status: 308, headers: { Location: "/new/$1?a=2#top" } }];
    expect(where(await ask("/old/p?a=1&b=3", routes))).toBe("308 /new/p?a=2&b=3#top");
  });

  test("a 3xx with a destination is one as well; a location without a status is temporary", async () => {
    expect(where(await ask("/a", [{ src: "^/a$", dest: "/b", status: 301 }]))).toBe("301 /b");
    expect(where(await ask("/a", [{ src: "^/a$", headers: { location: "/b" } }]))).toBe("307 /b");
  });

  test("captured slashes can't turn a path into a host", async () => {
    const routes = [{ src: "^/go/(.*)$", status: 307, headers: { Location: "/$1" } }];
    expect(where(await ask("/go//evil.test", routes))).toBe("307 /evil.test");
    const trailing = [{ src: "^(/.*)/$", status: 308, headers: { Location: "$1" } }];
    expect(where(await ask("//evil.test/", trailing))).toBe("308 /evil.test");
  });

  test("captured control characters can't split the header", async () => {
    const routes = [
      { src: "^/a$", has: [{ type: "query", key: "to" }], status: 307, headers: { Location: "/b?to=$to" } },
    ];
    const found = await ask("/a?to=x%0d%0aSet-Cookie:%20a=b", routes);
    expect(where(found)).not.toMatch(/[\r\n]/);
  });
});

describe("conditions", () => {
  const cases: [string, object, Ask, string, boolean][] = [
    [
      "header by pattern",
      { type: "header", key: "x-a", value: "v(?<n>\\d)" },
      { headers: { "x-a": "v1" } },
      "/p",
      true,
    ],
    [
      "a pattern is anchored",
      { type: "header", key: "x-a", value: "v" },
      { headers: { "x-a": "vv" } },
      "/p",
      false,
    ],
    ["presence is enough", { type: "cookie", key: "c" }, { headers: { cookie: "b=1; c=2" } }, "/p", true],
    [
      "cookie by value",
      { type: "cookie", key: "c", value: "2" },
      { headers: { cookie: "b=1; c=2" } },
      "/p",
      true,
    ],
    ["query", { type: "query", key: "q", value: "yes" }, {}, "/p?q=yes", true],
    ["absent query", { type: "query", key: "q" }, {}, "/p", false],
    ["host", { type: "host", value: "site\\.test" }, {}, "/p", true],
    ["other host", { type: "host", value: "other" }, {}, "/p", false],
    ["eq", { type: "query", key: "q", value: { eq: "1" } }, {}, "/p?q=1", true],
    ["neq", { type: "query", key: "q", value: { neq: "1" } }, {}, "/p?q=1", false],
    ["inc", { type: "query", key: "q", value: { inc: ["1", "2"] } }, {}, "/p?q=2", true],
    ["ninc", { type: "query", key: "q", value: { ninc: ["1", "2"] } }, {}, "/p?q=2", false],
    ["pre and suf", { type: "query", key: "q", value: { pre: "a", suf: "c" } }, {}, "/p?q=abc", true],
    ["gt", { type: "query", key: "q", value: { gt: 5 } }, {}, "/p?q=5", false],
    ["gte and lt", { type: "query", key: "q", value: { gte: 5, lt: 6 } }, {}, "/p?q=5", true],
    ["lte of no number", { type: "query", key: "q", value: { lte: 5 } }, {}, "/p?q=x", false],
    ["re", { type: "query", key: "q", value: { re: "^a+$" } }, {}, "/p?q=aaa", true],
  ];
  test.each(cases)("%s", async (_, condition, more, url, holds) => {
    const outputs = ["/yes", "/no"];
    const has = [
      { src: "^/p$", has: [condition], dest: "/yes" },
      { src: "^/p$", dest: "/no" },
    ];
    expect(where(await ask(url, has, { ...more, outputs }))).toBe(holds ? "/yes 200" : "/no 200");
    const missing = [
      { src: "^/p$", missing: [condition], dest: "/yes" },
      { src: "^/p$", dest: "/no" },
    ];
    expect(where(await ask(url, missing, { ...more, outputs }))).toBe(holds ? "/no 200" : "/yes 200");
  });

  test("what a condition captures can be used", async () => {
    const routes = [
      { src: "^/p$", has: [{ type: "header", key: "x-a", value: "v(?<n>\\d)" }], dest: "/v/$n" },
    ];
    expect(where(await ask("/p", routes, { headers: { "x-a": "v7" }, outputs: ["/v/7"] }))).toBe("/v/7 200");
  });

  test("a route for other methods is passed over", async () => {
    const routes = [
      { src: "^/p$", methods: ["POST"], dest: "/a" },
      { src: "^/p$", dest: "/b" },
    ];
    expect(where(await ask("/p", routes, { outputs: ["/a", "/b"] }))).toBe("/b 200");
  });
});

describe("phases", () => {
  test("routes before the file system win over files, routes behind it do not", async () => {
    const outputs = ["/a", "/b"];
    expect(where(await ask("/a", [{ src: "^/a$", dest: "/b" }], { outputs }))).toBe("/b 200");
    const behind = [{ handle: "filesystem" }, { src: "^/a$", dest: "/b" }];
    expect(where(await ask("/a", behind, { outputs }))).toBe("/a 200");
    expect(where(await ask("/a", behind, { outputs: ["/b"] }))).toBe("/b 200");
  });

  test("dynamic routes come after files; a catch-all 404 after them", async () => {
    const routes = [
      { handle: "filesystem" },
      { handle: "resource" },
      { src: "^/.*$", status: 404 },
      { handle: "rewrite" },
      { src: "^/blog/(?<slug>[^/]+)$", dest: "/blog/[slug]?slug=$slug", check: true },
      { handle: "error" },
      { src: "^/.*$", status: 404, dest: "/404" },
      { src: "^/.*$", status: 500, dest: "/500" },
    ];
    const outputs = ["/blog/[slug]", "/blog/first", "/404"];
    expect(where(await ask("/blog/first", routes, { outputs }))).toBe("/blog/first 200");
    expect(where(await ask("/blog/x", routes, { outputs }))).toBe("/blog/[slug] 200");
    expect(where(await ask("/nothing", routes, { outputs }))).toBe("/404 404");
  });

  test("a miss may look again, after every look, before what comes behind files", async () => {
    const routes = [
      { handle: "filesystem" },
      { src: "^/renamed$", dest: "/about", check: true },
      { src: "^/.*$", dest: "/app" },
      { handle: "miss" },
      { src: "^/((?:.*/)?[^/.]+)$", dest: "/$1.html", check: true },
    ];
    const outputs = ["/about.html", "/app"];
    expect(where(await ask("/about", routes, { outputs }))).toBe("/about.html 200");
    expect(where(await ask("/renamed", routes, { outputs }))).toBe("/about.html 200");
    expect(where(await ask("/nothing", routes, { outputs }))).toBe("/app 200");
  });

  test("a miss may answer with a page and a status of its own, or end it", async () => {
    const static404 = { src: "^/static/.+$", status: 404, check: true };
    const behind = [{ handle: "filesystem" }, { src: "^/.*$", dest: "/app" }, { handle: "miss" }];
    const outputs = ["/app", "/none.txt"];
    const page = [...behind, { ...static404, dest: "/none.txt" }];
    expect(where(await ask("/static/a.js", page, { outputs }))).toBe("/none.txt 404");
    const end = [...behind, { ...static404, dest: "$0" }];
    expect(where(await ask("/static/a.js", end, { outputs }))).toBe("404");
  });

  test.each(["filesystem", "resource"])(
    "a `check` to the same path keeps no later route from its turn: %s",
    async (handle) => {
      const routes = [
        { handle },
        { src: "^/page$", dest: "/page", check: true },
        { src: "^/page$", dest: "/other", check: true },
      ];
      expect(where(await ask("/page", routes, { outputs: ["/other"] }))).toBe("/other 200");
      expect(where(await ask("/page", routes, { outputs: ["/page", "/other"] }))).toBe("/page 200");
      expect(where(await ask("/page", routes))).toBe("404");
    },
  );

  test("`check` looks, and enters no earlier phase again", async () => {
    const routes = [
      { src: "^/posts/\\[slug\\]$", headers: { "x-again": "1" }, continue: true },
      { src: "^/target$", status: 307, headers: { location: "/away" } },
      { handle: "filesystem" },
      { src: "^/source$", dest: "/target", check: true },
      { handle: "rewrite" },
      { src: "^/posts/(?<slug>[^/]+)$", dest: "/posts/[slug]?slug=$slug", check: true },
    ];
    const outputs = ["/posts/[slug]", "/target"];
    expect((await ask("/posts/one", routes, { outputs })).headers).toEqual([]);
    expect(where(await ask("/source", routes, { outputs }))).toBe("/target 200");
  });

  test("hit adds headers to what was found, and only to that", async () => {
    const routes = [
      { handle: "hit" },
      { src: "^/assets/.*", headers: { "cache-control": "max-age=1" }, continue: true },
    ];
    const found = await ask("/assets/a.js", routes, { outputs: ["/assets/a.js"] });
    expect(found.headers).toEqual([["cache-control", "max-age=1"]]);
    expect((await ask("/assets/b.js", routes)).headers).toEqual([]);
  });

  test("a refusal is one even where a file is", async () => {
    expect(where(await ask("/a", [{ src: "^/a$", status: 410 }], { outputs: ["/a"] }))).toBe("410");
  });

  test("no table goes round and round: no phase is entered twice, and looks are counted", async () => {
    const routes = [
      { handle: "filesystem" },
      { src: "^/a$", dest: "/b", check: true },
      { src: "^/b$", dest: "/a", check: true },
    ];
    expect(where(await ask("/a", routes))).toBe("404");
    const many = Array.from({ length: 200 }, (_, i) => ({ src: "^/.*$", dest: `/${i}`, check: true }));
    expect(where(await ask("/a", [{ handle: "filesystem" }, ...many]))).toBe("508");
  });
});

describe("headers", () => {
  test("the last to set one wins, unless an earlier was important", async () => {
    const set = (value: string, more = {}) => ({
      src: "^/a$",
      headers: { "x-a": value },
      continue: true,
      ...more,
    });
    expect((await ask("/a", [set("1"), set("2")])).headers).toEqual([["x-a", "2"]]);
    expect((await ask("/a", [set("1", { important: true }), set("2")])).headers).toEqual([["x-a", "1"]]);
  });

  test("override takes nothing back: Next.js's builder gives it to every middleware, behind the app's own headers", async () => {
    const routes = [
      { src: "^/a$", headers: { "x-a": "1" }, continue: true },
      { src: "^/a$", override: true, headers: { "x-b": "1" }, dest: "/b" },
    ];
    const found = await ask("/a", routes, { outputs: ["/b"] });
    expect(where(found)).toBe("/b 200");
    expect(found.headers).toEqual([
      ["x-a", "1"],
      ["x-b", "1"],
    ]);
  });

  test("what is not there is not kept for as long as what would be", async () => {
    const routes = [
      { src: "^/assets/.*$", headers: { "cache-control": "public, immutable", "x-a": "1" }, continue: true },
      { handle: "error" },
      { src: "^/.*$", status: 404, dest: "/404" },
    ];
    expect((await ask("/assets/none.js", routes, { outputs: ["/404"] })).headers).toEqual([["x-a", "1"]]);
    expect((await ask("/assets/there.js", routes, { outputs: ["/assets/there.js"] })).headers).toContainEqual(
      ["cache-control", "public, immutable"],
    );
  });

  test("only what is important stands against a function", async () => {
    const found = await ask("/a", [
      { src: "^/a$", headers: { "x-a": "1" }, important: true, continue: true },
      { src: "^/a$", headers: { "x-b": "1" } },
    ]);
    expect([...found.firm]).toEqual(["x-a"]);
  });
});

test("visitors are sent to the pages of their language: the cookie first", async () => {
  const routes = [
    { src: "^/$", locale: { redirect: { en: "/", fr: "/fr", "de-CH": "/ch" }, cookie: "LANG" } },
  ];
  const go = async (headers: Record<string, string>) =>
    where(await ask("/", routes, { headers, outputs: ["/"] }));
  expect(await go({ "accept-language": "fr-CA,en;q=0.5" })).toBe("307 /fr");
  expect(await go({ "accept-language": "en,fr;q=0.9" })).toBe("/ 200");
  expect(await go({ "accept-language": "de-ch" })).toBe("307 /ch");
  expect(await go({ "accept-language": "en", cookie: "LANG=fr" })).toBe("307 /fr");
});

const source = fc.constantFrom("^/a$", "^/(.*)$", "/b", "^/(?<x>[^/]+)/(.*)$", "^/(a+)+$", "^(?:/c)?/d$");
const route = fc.record(
  {
    src: source,
    dest: fc.constantFrom("/a", "/$1", "/$x/b?q=$2", "https://x.test/$1", "/$1/$1"),
    status: fc.constantFrom(200, 301, 404, 500),
    headers: fc.constantFrom({ "x-a": "$1" }, { location: "/$1" }),
    continue: fc.boolean(),
    check: fc.boolean(),
    override: fc.boolean(),
    important: fc.boolean(),
    methods: fc.constantFrom(["GET"], ["POST"]),
  },
  { requiredKeys: ["src"] },
);
const phase = fc.constantFrom("filesystem", "resource", "miss", "rewrite", "hit", "error");
const routes = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: route },
    phase.map((handle) => ({ handle })),
  ),
  {
    maxLength: 12,
  },
);

test("whatever the table and the request, there is one answer, and no header is split", async () => {
  await fc.assert(
    fc.asyncProperty(
      routes,
      fc.webPath(),
      fc.subarray(["/a", "/b", "/a/b", "/"]),
      async (list, path, outputs) => {
        const found = await ask(path === "" ? "/" : path, list, { outputs });
        expect(where(found)).not.toMatch(/[\r\n]/);
        for (const [, text] of found.headers) expect(text).not.toMatch(/[\r\n\0]/);
        if (found.kind === "redirect") expect(found.status).toBeGreaterThanOrEqual(300);
        if (found.kind === "status") expect(found.status === 200 || found.status >= 400).toBe(true);
      },
    ),
    { numRuns: 3_000 },
  );
}, 30_000);

test("a table so long that it is looked up answers as a short one that is walked", async () => {
  const never = Array.from({ length: 20 }, (_, i) => ({ src: `^/no-such-${i}/$`, dest: "/a" }));
  await fc.assert(
    fc.asyncProperty(
      routes,
      fc.constantFrom("/a", "/b", "/a/b", "/c/d", "/aaaa", "/x/y?q=1"),
      fc.subarray(["/a", "/b", "/a/b", "/"]),
      async (list, path, outputs) => {
        const long = list.flatMap((one): unknown[] => ("handle" in one ? [one, ...never] : [one]));
        const [looked, walked] = [
          await ask(path, [...never, ...long], { outputs }),
          await ask(path, list, { outputs }),
        ];
        expect(looked).toEqual(walked);
      },
    ),
    { numRuns: 300 },
  );
});
