import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { collectSource } from "./files.ts";
import { findRepository, needsAgent } from "./source.ts";

function folder(files: Record<string, string>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "cloudify-source-")));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const taken = async (root: string): Promise<string[]> =>
  (await collectSource(root)).map((file) => file.path).sort();
const git = (root: string, ...words: string[]): string =>
  execFileSync("git", words, { cwd: root, encoding: "utf8" });

test("what git ignores is not sent, nor what is made anew; what git would take is", async () => {
  const root = folder({
    ".gitignore": "*.log\n/dist\n!keep.log\nsecret/\n",
    "app/.gitignore": "local.txt\n!dist\n",
    "a.log": "",
    "keep.log": "",
    "dist/x": "",
    "app/dist/x": "",
    "app/local.txt": "",
    "local.txt": "",
    "app/secret/x": "",
    ".env": "",
    ".env.local": "",
    "app/.env.production.local": "",
    ".env.production": "",
    "node_modules/x/index.js": "",
    "app/node_modules/x/index.js": "",
    ".next/x": "",
    ".vercel/output/config.json": "",
    ".git/HEAD": "",
    ".github/workflows/ci.yml": "",
  });
  expect(await taken(root)).toEqual([
    ".env",
    ".env.production",
    ".github/workflows/ci.yml",
    ".gitignore",
    "app/.gitignore",
    "app/dist/x",
    "keep.log",
    "local.txt",
  ]);
});

test("a .cloudifyignore or .vercelignore wins over git's, in both directions, but never brings node_modules back", async () => {
  const root = folder({
    ".gitignore": "generated\n",
    ".cloudifyignore": "!generated\n*.mp4\n!node_modules\n",
    "docs/.vercelignore": "*\n",
    "generated/a.ts": "",
    "video.mp4": "",
    "docs/a.md": "",
    "node_modules/a/index.js": "",
  });
  expect(await taken(root)).toEqual([".cloudifyignore", ".gitignore", "generated/a.ts"]);
});

test.each<[string, Record<string, string>]>([
  ["git's", { ".gitignore": "*\n!*/\n!*.ts\n!package.json\n" }],
  [".vercelignore's", { ".vercelignore": "/*\n!/src/\n!/package.json\n" }],
])("a list of what alone is taken, %s, holds for folders", async (_, rules) => {
  const root = folder({ ...rules, "package.json": "{}", "src/lib/a.ts": "", "notes.md": "" });
  symlinkSync("/etc/hostname", join(root, "elsewhere"));
  expect(await taken(root)).toEqual(["package.json", "src/lib/a.ts"]);
});

test("a link is a file to the rules, wherever it leads", async () => {
  const root = folder({ ".gitignore": "*\n!*/\n!a.ts\n", "src/a.ts": "" });
  symlinkSync("src", join(root, "other"));
  expect(await taken(root)).toEqual(["src/a.ts"]);
});

test("what a deeper .gitignore takes back is not ignored by those above it", async () => {
  const root = folder({ ".gitignore": "b*\n", "a/.gitignore": "!b\\[c]\n", "a/b[c]/f": "", "a/b[c]/b": "" });
  expect(await taken(root)).toEqual([".gitignore", "a/.gitignore", "a/b[c]/f"]);
});

test("nested rules say what git itself says", async () => {
  const name = fc.constantFrom("a", "b", "ab", "c.log");
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => `${parts.join("/")}/f`);
  const rule = fc.constantFrom(
    "a",
    "/a",
    "a/",
    "*.log",
    "!a",
    "!/a/b",
    "b/*",
    "**/ab",
    "a/**",
    "!c.log",
    "f",
    "!f",
    "/b/f",
    "\\!a",
    "# x",
    "A",
    "!a/",
    "!*/",
    "*",
    "!.gitignore",
    "b",
    "!b",
  );
  const ignoreFile = fc.tuple(
    fc.constantFrom("", "a/", "b/", "a/b/"),
    fc.array(rule, { minLength: 1, maxLength: 4 }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(path, { minLength: 1, maxLength: 8 }),
      fc.array(ignoreFile, { maxLength: 3 }),
      async (paths, rules) => {
        const files = Object.fromEntries(paths.map((one) => [one, ""]));
        for (const [prefix, lines] of rules) files[`${prefix}.gitignore`] = `${lines.join("\n")}\n`;
        const root = folder(files);
        git(root, "init", "-q");
        const listed = git(
          root,
          "-c",
          "core.excludesFile=/dev/null",
          "ls-files",
          "-z",
          "--others",
          "--exclude-standard",
        );
        expect(await taken(root)).toEqual(
          listed
            .split("\0")
            .filter((one) => one !== "")
            .sort(),
        );
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);

const manifest = (about: object): string => JSON.stringify({ name: "x", ...about });

test.each<[string, Record<string, string>, boolean]>([
  ["a page", { "index.html": "" }, false],
  [
    "a page with an edge function",
    { "index.html": "", "api/a.ts": 'export const config = { runtime: "edge" }' },
    false,
  ],
  [
    "a function for Node.js",
    { "index.html": "", "api/a.ts": "export default (req, res) => res.end()" },
    true,
  ],
  [
    "Express",
    {
      "package.json": manifest({ dependencies: { express: "5" } }),
      "index.js": 'import express from "express"',
    },
    true,
  ],
  [
    "Next.js",
    { "package.json": manifest({ dependencies: { next: "16" }, scripts: { build: "next build" } }) },
    true,
  ],
  [
    "Vite",
    { "package.json": manifest({ devDependencies: { vite: "7" }, scripts: { build: "vite build" } }) },
    true,
  ],
  ["a start script", { "package.json": manifest({ scripts: { start: "node x.js" } }) }, true],
  [
    "a build script that is locked",
    { "package.json": manifest({ scripts: { build: "x" } }), "yarn.lock": "" },
    true,
  ],
  [
    "a package as it was published",
    { "package.json": manifest({ scripts: { build: "x" } }), "index.html": "" },
    false,
  ],
  ["a configured command", { "vercel.json": '{"buildCommand":"make","functions":{}}' }, true],
])("%s", async (_, files, expected) => {
  expect(await needsAgent(folder(files), {})).toBe(expected);
});

test("an installed package is served as it is", async () => {
  const root = folder({ "node_modules/x/package.json": manifest({ scripts: { start: "x", build: "y" } }) });
  expect(await needsAgent(join(root, "node_modules/x"), {})).toBe(false);
});

const WEB = { "apps/web/package.json": "{}", "packages/ui/package.json": "{}" };
test.each<[string, Record<string, string>, boolean]>([
  ["npm's workspaces", { "package.json": manifest({ workspaces: ["apps/*", "packages/*"] }) }, true],
  ["yarn's longer form", { "package.json": manifest({ workspaces: { packages: ["./apps/**"] } }) }, true],
  [
    "pnpm's file",
    { "pnpm-workspace.yaml": "packages:\n  # ours\n  - 'apps/*'\n  - \"packages/*\"\ncatalog:\n  x: 1\n" },
    true,
  ],
  ["pnpm's file in brackets", { "pnpm-workspace.yaml": "packages: ['apps/*']\n" }, true],
  ["workspaces of others", { "package.json": manifest({ workspaces: ["packages/*"] }) }, false],
  ["workspaces without it", { "package.json": manifest({ workspaces: ["apps/*", "!apps/web"] }) }, false],
  ["a lockfile of the same repository", { ".git/HEAD": "", "yarn.lock": "" }, true],
  [
    "a lockfile of workspaces that are others",
    { ".git/HEAD": "", "yarn.lock": "", "package.json": manifest({ workspaces: ["packages/*"] }) },
    false,
  ],
  ["a lockfile of nobody's", { "yarn.lock": "" }, false],
  ["a lockfile above one of its own", { ".git/HEAD": "", "yarn.lock": "", "apps/web/yarn.lock": "" }, false],
])("the root of a monorepo is found by %s, or not", async (_, files, isFound) => {
  const root = folder({ ...WEB, ...files });
  const web = join(root, "apps/web");
  const expected = isFound ? { root, rootDirectory: "apps/web" } : { root: web, rootDirectory: null };
  expect(await findRepository(web, null)).toEqual(expected);
});

test("the project's rootDirectory holds from the root, and from the folder itself", async () => {
  const root = folder(WEB);
  const expected = { root, rootDirectory: "apps/web" };
  expect(await findRepository(root, "apps/web")).toEqual(expected);
  expect(await findRepository(join(root, "apps/web"), "apps/web")).toEqual(expected);
  await expect(findRepository(join(root, "packages"), "apps/web")).rejects.toMatchObject({
    code: "no_folder",
  });
});
