/**
 * The resolver beside an independent one: Next.js's own (`@next/routing`), on generated tables in the shape in which
 * Vercel's builder writes what Next.js has. What the two describe differently is left out: middleware, locales, data
 * routes, error pages, and `continue` between rewrites.
 */
import { type Route as NextRoute, resolveRoutes } from "@next/routing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileRoutes } from "./compile.ts";
import { resolve } from "./resolve.ts";

interface Rule {
  sourceRegex: string;
  destination?: string;
  status?: number;
  headers?: Record<string, string>;
  has?: NonNullable<NextRoute["has"]>;
  missing?: NonNullable<NextRoute["missing"]>;
}

interface Table {
  redirects: Rule[];
  headers: Rule[];
  afterFiles: Rule[];
  dynamicRoutes: Rule[];
  fallback: Rule[];
  onMatch: Rule[];
}

// Each has a first group: a `$1` without one stays as it is there, and becomes empty here.
const source = fc.constantFrom(
  "^/(a)$",
  "^/b/([^/]+)$",
  "^/c/(?<rest>.+)$",
  "^/([^/]+)/x$",
  "^/d(?:/(\\d+))?$",
  // What others lead to.
  "^/(page|other|nowhere)$",
  "^/posts/(one|\\[slug\\])$",
);
const condition = fc.constantFrom<NonNullable<NextRoute["has"]>[number]>(
  { type: "header", key: "x-a", value: "1" },
  { type: "header", key: "x-a" },
  { type: "query", key: "q", value: "1" },
  { type: "cookie", key: "k", value: "v" },
  { type: "host", value: "site.test" },
  { type: "host", value: "other.test" },
);
const conditions = fc.record(
  {
    has: fc.array(condition, { minLength: 1, maxLength: 2 }),
    missing: fc.array(condition, { minLength: 1, maxLength: 1 }),
  },
  { requiredKeys: [] },
);
const rule = (more: fc.Arbitrary<Partial<Rule>>): fc.Arbitrary<Rule[]> =>
  fc.array(
    fc
      .tuple(source, conditions, more)
      .map(([sourceRegex, when, rest]) => ({ sourceRegex, ...when, ...rest })),
    { maxLength: 3 },
  );
const rewrite = fc.record({
  destination: fc.constantFrom("/page", "/other", "/page?n=$1", "/deep/page", "/nowhere", "/posts/$1"),
});
const table: fc.Arbitrary<Table> = fc.record({
  redirects: rule(
    fc.record({
      headers: fc.constantFrom({ Location: "/page" }, { Location: "/go/$1" }),
      status: fc.constantFrom(307, 308),
    }),
  ),
  headers: rule(fc.record({ headers: fc.constantFrom({ "x-one": "1" }, { "x-two": "$1" }) })),
  afterFiles: rule(rewrite),
  dynamicRoutes: fc.constant<Rule[]>([
    { sourceRegex: "^/posts/(?<slug>[^/]+)$", destination: "/posts/[slug]?slug=$slug" },
  ]),
  fallback: rule(rewrite),
  onMatch: fc.constant<Rule[]>([{ sourceRegex: "^/page", headers: { "x-hit": "1" } }]),
});
const path = fc.constantFrom(
  "/a",
  "/b/1",
  "/b/page",
  "/c/1/2",
  "/z/x",
  "/d",
  "/d/7",
  "/page",
  "/posts/one",
  "/none",
);
const request = fc.record({
  path,
  query: fc.constantFrom("", "?q=1", "?q=2"),
  headers: fc.constantFrom<Record<string, string>>({}, { "x-a": "1" }, { "x-a": "2" }, { cookie: "k=v" }),
});
const outputs = fc.subarray([
  "/page",
  "/other",
  "/deep/page",
  "/a",
  "/b/page",
  "/posts/[slug]",
  "/posts/one",
]);

const routes = (rules: Rule[], more: object) =>
  rules.map(({ sourceRegex: src, destination: dest, ...rest }) => ({
    src,
    ...(dest ? { dest } : {}),
    ...rest,
    ...more,
  }));

async function ours(
  { redirects, headers, afterFiles, dynamicRoutes, fallback, onMatch }: Table,
  url: URL,
  given: Headers,
  there: string[],
) {
  const compiled = compileRoutes({
    routes: [
      ...routes(headers, { continue: true }),
      ...routes(redirects, {}),
      { handle: "filesystem" },
      ...routes(afterFiles, { check: true }),
      { handle: "rewrite" },
      ...routes(dynamicRoutes, { check: true }),
      { handle: "resource" },
      ...routes(fallback, { check: true }),
      { handle: "hit" },
      ...routes(onMatch, { continue: true }),
    ],
  });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.issues));
  const found = await resolve(
    { method: "GET", url, header: (name) => given.get(name) },
    compiled.table,
    async (pathname) => (there.includes(pathname) ? pathname : undefined),
  );
  if (found.kind === "redirect")
    return { redirect: new URL(found.location, url).pathname, status: found.status };
  if (found.kind === "output") return { output: found.output, headers: Object.fromEntries(found.headers) };
  return { nothing: true };
}

async function theirs(given: Table, url: URL, headers: Headers, there: string[]) {
  const found = await resolveRoutes({
    url,
    buildId: "build",
    basePath: "",
    requestBody: new ReadableStream(),
    headers,
    pathnames: there,
    routes: {
      beforeMiddleware: [...given.headers, ...given.redirects],
      beforeFiles: [],
      afterFiles: given.afterFiles,
      dynamicRoutes: given.dynamicRoutes,
      onMatch: given.onMatch,
      fallback: given.fallback,
    },
    invokeMiddleware: async () => ({}),
  });
  if (found.redirect) return { redirect: found.redirect.url.pathname, status: found.redirect.status };
  const location = found.resolvedHeaders?.get("location");
  if (location && found.status) return { redirect: new URL(location, url).pathname, status: found.status };
  if (!found.resolvedPathname) return { nothing: true };
  return { output: found.resolvedPathname, headers: Object.fromEntries(found.resolvedHeaders ?? []) };
}

test("an independent resolver answers the same, whatever the table and the request", async () => {
  await fc.assert(
    fc.asyncProperty(table, request, outputs, async (given, asked, there) => {
      const url = new URL(`http://site.test${asked.path}${asked.query}`);
      const headers = new Headers(asked.headers);
      const [one, two] = [await ours(given, url, headers, there), await theirs(given, url, headers, there)];
      expect(one).toEqual(two);
    }),
    { numRuns: 5_000 },
  );
}, 30_000);
