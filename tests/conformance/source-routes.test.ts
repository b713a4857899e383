/**
 * A hand-written output that uses everything a source route may say. The names of the tests are the specification's own
 * wording: Build Output API v3, "Configuration", "Source route" (vercel.com/docs/build-output-api/configuration).
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deployFunctions } from "#tests/support/functions.ts";
import { type Ask, get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";

const platform = new TestPlatform();

/** Tells what it sees. */
const ECHO = `export default async (request) => Response.json({
  path: new URL(request.url).pathname, query: new URL(request.url).search.slice(1),
  headers: Object.fromEntries(request.headers),
}, { headers: { "x-own": "function", "x-tell": "secret" } })`;

const status = (value: number) => ({ status: value });
const text = (value: string) => ({ text: value });
/** A condition, with the page that its fulfilment leads to. */
const when = (path: string, conditions: object) => ({ src: path, dest: "/yes.txt", ...conditions });

beforeAll(async () => {
  await platform.start();
  const { client } = platform;
  await client.request("POST /api/projects", { body: { name: "elsewhere" } });
  await deployTree(client, "elsewhere", tree({ "there.txt": "another origin" }), { target: "production" });
  await client.request("POST /api/projects", { body: { name: "source" } });
  const host = (value: unknown) => [{ type: "host", value }];
  const header = (value?: unknown) => [
    { type: "header", key: "x-n", ...(value === undefined ? {} : { value }) },
  ];
  await deployFunctions(
    client,
    "source",
    {
      echo: ECHO,
      guard: `export default (request) => new Response(null, { headers: {
        "x-middleware-next": "1", "x-guarded": new URL(request.url).pathname } })`,
    },
    {
      wildcard: [{ domain: "source.localhost", value: "en-US" }],
      routes: [
        { src: "/digits/\\d+", dest: "/yes.txt" },
        { src: "^/users/(\\w+)/(?<tab>\\w+)$", dest: "/echo?id=$1&tab=$tab" },
        { src: "/outside", dest: `http://elsewhere.localhost:${platform.port}/there.txt` },
        { src: "/on/.*", headers: { "x-on": "1" }, continue: true },
        { src: "/on/headers", dest: "/yes.txt", headers: { "x-off": "2" } },
        { src: "/posted", dest: "/yes.txt", methods: ["POST", "PUT"] },
        { src: "/Exact", dest: "/yes.txt", caseSensitive: true },
        { src: "/Loose", dest: "/yes.txt" },
        { src: "/teapot", status: 418 },
        { src: "/health", status: 204, headers: { "x-health": "good" } },
        { src: "/quiet/(.*)", dest: "/$1", status: 204 },
        { src: "/alive", status: 200, headers: { "x-health": "good" } },
        { src: "/redirect", status: 308, headers: { Location: "https://example.com/" } },
        { src: "/created", dest: "/echo", status: 201 },
        when("/if/host", { has: host("source.localhost") }),
        { src: "/if/host-captured", has: host("source\\.localhost"), dest: "/echo?at=$host" },
        when("/if/host-not", { has: host("other.localhost") }),
        when("/if/header", { has: header() }),
        when("/if/text", { has: header("v(?<n>\\d+)"), dest: "/echo?n=$n" }),
        when("/if/eq", { has: header({ eq: 7 }) }),
        when("/if/neq", { has: header({ neq: "a" }) }),
        when("/if/inc", { has: header({ inc: ["a", "b"] }) }),
        when("/if/ninc", { has: header({ ninc: ["a", "b"] }) }),
        when("/if/pre", { has: header({ pre: "ab" }) }),
        when("/if/suf", { has: header({ suf: "yz" }) }),
        when("/if/re", { has: header({ re: "^[a-c]+$" }) }),
        when("/if/gt", { has: header({ gt: 5 }) }),
        when("/if/gte", { has: header({ gte: 5 }) }),
        when("/if/lt", { has: header({ lt: 5 }) }),
        when("/if/lte", { has: header({ lte: 5 }) }),
        when("/if/cookie", { has: [{ type: "cookie", key: "beta", value: "1" }] }),
        when("/if/query", { has: [{ type: "query", key: "q", value: { pre: "a" } }] }),
        when("/if/both", { has: [...header("1"), { type: "query", key: "q" }] }),
        when("/unless", { missing: header() }),
        { src: "/lang", locale: { redirect: { en: "/en", fr: "/fr", "pt-br": "/pt" }, cookie: "LANG" } },
        { src: "/blog", dest: "/blog.$wildcard.txt" },
        {
          src: "/guarded/.*",
          middlewarePath: "guard",
          middlewareRawSrc: ["/guarded/:path*"],
          continue: true,
        },
        { src: "/guarded/page", dest: "/yes.txt" },
        { src: "/denied", mitigate: { action: "deny" }, dest: "/yes.txt" },
        {
          src: "/shaped/(.*)",
          dest: "/echo",
          transforms: [
            { type: "request.headers", op: "set", target: { key: "x-set" }, args: "to $1" },
            { type: "request.headers", op: "append", target: { key: "x-list" }, args: ["b", "c"] },
            { type: "request.headers", op: "delete", target: { key: { pre: "x-drop-" } } },
            { type: "request.query", op: "set", target: { key: "page" }, args: "$1" },
            { type: "request.query", op: "append", target: { key: "tag" }, args: ["two", "three"] },
            { type: "request.query", op: "delete", target: { key: { inc: ["utm", "ref"] } } },
            { type: "response.headers", op: "set", target: { key: "x-made" }, args: "by-$1" },
            { type: "response.headers", op: "append", target: { key: "x-own" }, args: "router" },
            { type: "response.headers", op: "delete", target: { key: { eq: "x-tell" } } },
          ],
        },
        {
          src: "/seen/(.*)",
          dest: "/echo",
          transforms: [{ type: "request.path", op: "set", args: "/inner/$1" }],
        },
      ],
    },
    { "yes.txt": "yes", "blog.en-US.txt": "in English" },
  );
});
afterAll(() => platform.remove());

interface Expected {
  status?: number;
  text?: string;
  json?: object;
  headers?: Record<string, string | null>;
}

async function expectAnswer(path: string, ask: Ask, wanted: Expected): Promise<void> {
  const found = await get(`http://source.localhost:${platform.port}${path}`, ask);
  const body = await found.text();
  const name = `${ask.method ?? "GET"} ${path} ${JSON.stringify(ask.headers ?? {})}`;
  expect(found.status, `${name}\n${body}`).toBe(wanted.status ?? 200);
  if (wanted.text !== undefined) expect(body.trim(), name).toBe(wanted.text);
  if (wanted.json !== undefined) expect(JSON.parse(body), name).toMatchObject(wanted.json);
  for (const [header, value] of Object.entries(wanted.headers ?? {}))
    expect(found.headers.get(header), `${name}: ${header}`).toBe(value);
}

type Case = [path: string, ask: Ask, wanted: Expected];

const n = (value: string): Ask => ({ headers: { "x-n": value } });
const located = (location: string) => ({ status: 307, headers: { location } });
const speaks = (language: string, cookie?: string): Ask => ({
  headers: { "accept-language": language, ...(cookie === undefined ? {} : { cookie }) },
});

const WORDING: [wording: string, cases: Case[]][] = [
  [
    "src: A PCRE-compatible regular expression that matches each incoming pathname (excluding querystring).",
    [
      ["/digits/12?a=b", {}, text("yes")],
      ["/digits/a", {}, status(404)],
      ["/digits/12/more", {}, status(404)],
    ],
  ],
  [
    "dest: A destination pathname or full URL, including querystring, with the ability to embed capture groups as $1, $2, or named capture value $name.",
    [
      ["/users/ada/posts?x=1", {}, { json: { path: "/users/ada/posts", query: "x=1&id=ada&tab=posts" } }],
      ["/outside", {}, text("another origin")],
    ],
  ],
  [
    "headers: A set of headers to apply for responses.",
    [
      ["/on/headers", {}, { text: "yes", headers: { "x-off": "2" } }],
      ["/on/headers", { method: "OPTIONS" }, { status: 204, headers: { "x-off": "2" } }],
      ["/on/headers", { method: "POST" }, { status: 405, headers: { "x-off": "2" } }],
    ],
  ],
  [
    "methods: A set of HTTP method types. If no method is provided, requests with any HTTP method will be a candidate for the route.",
    [
      ["/posted", {}, status(404)],
      ["/users/a/b", { method: "DELETE" }, { json: { path: "/users/a/b" } }],
    ],
  ],
  [
    "continue: A boolean to change matching behavior. If true, routing will continue even when the src is matched.",
    [["/on/headers", {}, { text: "yes", headers: { "x-on": "1", "x-off": "2" } }]],
  ],
  [
    "caseSensitive: Specifies whether or not the route src should match with case sensitivity.",
    [
      ["/Exact", {}, text("yes")],
      ["/exact", {}, status(404)],
      ["/LOOSE", {}, text("yes")],
    ],
  ],
  [
    "status: A status code to respond with. Can be used in tandem with Location: header to implement redirects.",
    [
      ["/teapot", {}, status(418)],
      ["/health", {}, { status: 204, headers: { "x-health": "good" } }],
      ["/quiet/yes.txt", {}, { status: 204 }],
      ["/quiet/echo", {}, { status: 204, headers: { "x-own": "function" } }],
      ["/alive", { method: "POST" }, { status: 200, text: "", headers: { "x-health": "good" } }],
      ["/created", {}, status(201)],
      ["/redirect", {}, { status: 308, headers: { location: "https://example.com/" } }],
    ],
  ],
  [
    "has: Conditions of the HTTP request that must exist to apply the route.",
    [
      ["/if/host", {}, text("yes")],
      ["/if/host-captured", {}, { json: { query: "at=source.localhost" } }],
      ["/if/host-not", {}, status(404)],
      ["/if/header", n("anything"), text("yes")],
      ["/if/header", {}, status(404)],
      ["/if/cookie", { headers: { cookie: "a=b; beta=1" } }, text("yes")],
      ["/if/cookie", { headers: { cookie: "beta=12" } }, status(404)],
      ["/if/query?q=abc", {}, text("yes")],
      ["/if/query?q=ba", {}, status(404)],
      ["/if/both?q", n("1"), text("yes")],
      ["/if/both", n("1"), status(404)],
      ["/if/text", n("v12"), { json: { query: "n=12" } }],
      ["/if/text", n("wv12"), status(404)],
    ],
  ],
  [
    "missing: Conditions of the HTTP request that must NOT exist to match the route.",
    [
      ["/unless", {}, text("yes")],
      ["/unless", n("1"), status(404)],
    ],
  ],
  [
    "eq: Value must equal this exact value.",
    [
      ["/if/eq", n("7"), text("yes")],
      ["/if/eq", n("70"), status(404)],
    ],
  ],
  [
    "neq: Value must not equal this value.",
    [
      ["/if/neq", n("b"), text("yes")],
      ["/if/neq", n("a"), status(404)],
    ],
  ],
  [
    "inc: Value must be included in this array.",
    [
      ["/if/inc", n("b"), text("yes")],
      ["/if/inc", n("c"), status(404)],
    ],
  ],
  [
    "ninc: Value must not be included in this array.",
    [
      ["/if/ninc", n("c"), text("yes")],
      ["/if/ninc", n("b"), status(404)],
    ],
  ],
  [
    "pre: Value must start with this prefix.",
    [
      ["/if/pre", n("abc"), text("yes")],
      ["/if/pre", n("bab"), status(404)],
    ],
  ],
  [
    "suf: Value must end with this suffix.",
    [
      ["/if/suf", n("xyz"), text("yes")],
      ["/if/suf", n("yzx"), status(404)],
    ],
  ],
  [
    "re: Value must match this regular expression.",
    [
      ["/if/re", n("abc"), text("yes")],
      ["/if/re", n("abd"), status(404)],
    ],
  ],
  [
    "gt: Value must be greater than this number.",
    [
      ["/if/gt", n("6"), text("yes")],
      ["/if/gt", n("5"), status(404)],
    ],
  ],
  [
    "gte: Value must be greater than or equal to this number.",
    [
      ["/if/gte", n("5"), text("yes")],
      ["/if/gte", n("4"), status(404)],
    ],
  ],
  [
    "lt: Value must be less than this number.",
    [
      ["/if/lt", n("4.5"), text("yes")],
      ["/if/lt", n("5"), status(404)],
      ["/if/lt", n("a"), status(404)],
    ],
  ],
  [
    "lte: Value must be less than or equal to this number.",
    [
      ["/if/lte", n("5"), text("yes")],
      ["/if/lte", n("6"), status(404)],
    ],
  ],
  [
    "locale: Conditions of the Locale of the requester that will redirect the browser to different routes. Cookie name that can override the Accept-Language header for determining the current locale.",
    [
      ["/lang", speaks("fr-CA, en;q=0.5"), located("/fr")],
      ["/lang", speaks("de, pt-BR;q=0.9, en;q=0.1"), located("/pt")],
      ["/lang", speaks("fr", "LANG=en"), located("/en")],
      ["/lang", speaks("de"), status(404)],
    ],
  ],
  [
    "wildcard: the domain names listed in this array are mapped to the $wildcard routing variable, which can be referenced by the routes configuration.",
    [["/blog", {}, text("in English")]],
  ],
  [
    "middlewarePath: Path to an Edge Runtime function that should be invoked as middleware.",
    [["/guarded/page", {}, { text: "yes", headers: { "x-guarded": "/guarded/page" } }]],
  ],
  [
    "mitigate: The action to take when the route is matched.",
    [["/denied", {}, { status: 403, headers: { "x-cloudify-mitigated": "deny" } }]],
  ],
  [
    "transforms: A list of transforms to apply to the route.",
    [
      [
        "/shaped/7?utm=1&ref=2&tag=one&page=0",
        { headers: { "x-list": "a", "x-drop-it": "1" } },
        {
          json: {
            query: "tag=one&page=7&tag=two&tag=three",
            headers: { "x-set": "to 7", "x-list": "a, b, c" },
          },
          headers: { "x-made": "by-7", "x-own": "function, router", "x-tell": null },
        },
      ],
    ],
  ],
  [
    "request.path: overrides the path the runtime observes (req.url).",
    [["/seen/x/y?q=1", {}, { json: { path: "/inner/x/y", query: "q=1" } }]],
  ],
];

describe.each(WORDING)("%s", (_, cases) => {
  test.each(cases)("%s %j", expectAnswer);
});

test("a request that a transform has freed of a header does not show it to the function", async () => {
  const ask = { headers: { "x-drop-it": "1" } };
  const found = await get(`http://source.localhost:${platform.port}/shaped/1`, ask);
  expect(Object.keys((await found.json()).headers)).not.toContain("x-drop-it");
});
