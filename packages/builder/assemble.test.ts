import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { configOf, servedFiles } from "./assemble.ts";
import { parseConfig } from "./config.ts";
import { discover } from "./functions/discover.ts";

function folder(files: readonly string[]): string {
  const root = mkdtempSync(join(tmpdir(), "cloudify-assemble-"));
  for (const path of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "");
  }
  return root;
}

const config = parseConfig("vercel.json", "{}");
const served = async (root: string, at: string): Promise<string[]> => {
  const found = await servedFiles(join(root, at), config, root, await discover(root));
  return found.map((file) => file.path).sort();
};

const BESIDE = [
  "README.md",
  "api/README.md",
  "api/_lib/dev.sqlite",
  "api/_lib/service-account.json",
  "bun.lock",
  "package.json",
  "tsconfig.json",
  "vercel.json",
  "yarn.lock",
];
const PAGES = ["docs/README.md", "docs/api/openapi.json", "index.html"];

test.each(["api/hello.ts", "middleware.ts"])(
  "beside %s only what is no part of functions is served",
  async (source) => {
    expect(await served(folder([source, ...BESIDE, ...PAGES]), "")).toEqual(PAGES);
  },
);

test("a folder without functions keeps its files", async () => {
  const kept = [...BESIDE, ...PAGES].filter((path) => path !== "vercel.json").sort();
  expect(await served(folder([...BESIDE, ...PAGES]), ".")).toEqual(kept);
});

test("what lies in an output directory is served, beside functions too", async () => {
  const pages = ["README.md", "api/client.js", "api/data.json", "package.json"];
  const root = folder(["api/hello.ts", ...pages.map((path) => `public/${path}`)]);
  expect(await served(root, "public")).toEqual(pages);
});

test("a page that a middleware guards by its file's name has no other name", () => {
  const files = ["admin.html", "a b/admin (1).html", "open.html", "both.html"].map((path) => ({
    path,
    absolute: path,
    size: 0,
    changedAt: 0,
  }));
  const routesFor = (matcher: unknown) => {
    const source = { file: "middleware.ts", name: "_middleware", kind: "middleware" } as const;
    const made = { source, matcher, bundled: { files: new Map(), inputs: [] } };
    const { routes } = configOf(files, config, null, [made]);
    return routes.slice(routes.findIndex((one) => "handle" in one) + 1);
  };
  const page = { src: "^/((?:.*/)?[^/.]+)$", dest: "/$1.html", check: true };
  expect(routesFor(["/admin.html", "/:folder/:name.html", "/both.html", "/both"])).toEqual([
    { src: "^/admin$" },
    { src: "^/a%20b/admin%20\\(1\\)$" },
    page,
  ]);
  // Asked only of some, it is not asked of all.
  const has = [{ type: "header", key: "x-some" }];
  expect(routesFor(["/admin.html", { source: "/admin", has }])).toEqual([{ src: "^/admin$" }, page]);
  for (const matcher of [undefined, "/:path*", ["/admin.html", "/admin"]])
    expect(routesFor(matcher)).toEqual([page]);
});
