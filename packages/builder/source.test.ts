import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { collectFiles, collectSource, type FoundFile } from "./files.ts";
import { findRepository, needsAgent } from "./source.ts";

function folder(files: Record<string, string>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "cloudify-source-")));
  fill(root, files);
  return root;
}

function fill(root: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

const taken = async (root: string): Promise<string[]> =>
  (await collectSource(root)).map((file) => file.path).sort();
const git = (root: string, ...words: string[]): string =>
  execFileSync("git", words, { cwd: root, encoding: "utf8" });
const LIST = ["-c", "core.excludesFile=/dev/null", "ls-files", "-z", "--others", "--exclude-standard"];
const names = (listed: string): string[] =>
  listed
    .split("\0")
    .filter((one) => one !== "")
    .sort();
const isIgnored = (root: string, path: string): boolean =>
  spawnSync("git", ["-c", "core.excludesFile=/dev/null", "check-ignore", "-q", path], { cwd: root })
    .status === 0;

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

test("a folder of a repository is sent without what git ignores above it", async () => {
  const root = folder({
    ".git/info/exclude": "mine.txt\n",
    ".gitignore": ".env\ncoverage/\n/web/lib/*.map\n*.tmp\n",
    "web/.gitignore": "!keep.tmp\n",
    ".cloudifyignore": "shown.txt\n",
    "web/package.json": "{}",
    "web/.env": "",
    "web/coverage/x": "",
    "web/lib/a.map": "",
    "web/a.map": "",
    "web/a.tmp": "",
    "web/keep.tmp": "",
    "web/mine.txt": "",
    "web/shown.txt": "",
    "other.txt": "",
  });
  const sent = [".gitignore", "a.map", "keep.tmp", "package.json", "shown.txt"];
  expect(await taken(join(root, "web"))).toEqual(sent);
  writeFileSync(join(root, "web/.vercelignore"), "!.env\n");
  expect(await taken(join(root, "web"))).toEqual([".env", ".gitignore", ".vercelignore", ...sent.slice(1)]);
});

test.each([
  ["by its name", "made/\n.env\n", ["package.json"]],
  ["as one of those above it is", "/out\n.env\n", ["package.json"]],
  ["with all there is", "*\n", [".env", "package.json"]],
])("a folder that git ignores, %s, is sent when it is given", async (_, rules, sent) => {
  const root = folder({
    ".git/HEAD": "",
    ".gitignore": rules,
    "out/made/.env": "",
    "out/made/package.json": "{}",
  });
  expect(await taken(join(root, "out/made"))).toEqual(sent);
});

test("worktrees and submodules, whose .git is a file, have the exclusions of the folder that it names", async () => {
  const files = { "a.txt": "", "mine.txt": "", "web/mine.txt": "", "web/a.txt": "" };
  const main = folder({ "a.txt": "" });
  git(main, "init", "-q");
  git(main, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "a");
  const tree = join(folder({}), "tree");
  git(main, "worktree", "add", "-q", tree);
  writeFileSync(join(main, ".git/info/exclude"), "mine.txt\n");
  fill(tree, files);
  expect(await taken(tree)).toEqual(["a.txt", "web/a.txt"]);
  expect(await taken(join(tree, "web"))).toEqual(["a.txt"]);

  fill(main, { ".git/modules/sub/info/exclude": "mine.txt\n", "sub/.git": "gitdir: ../.git/modules/sub\n" });
  fill(join(main, "sub"), files);
  expect(await taken(join(main, "sub"))).toEqual(["a.txt", "web/a.txt"]);
  fill(main, { "lost/.git": "no such thing\n", "lost/a.txt": "" });
  expect(await taken(join(main, "lost"))).toEqual(["a.txt"]);
});

test("what is executable in a source stays so, also through a link; in a site only functions are run", async () => {
  const root = folder({ "bin/protoc": "\u007fELF", "bin/readme": "", "index.html": "" });
  chmodSync(join(root, "bin/protoc"), 0o755);
  symlinkSync("bin/protoc", join(root, "tool"));
  const runs = (files: FoundFile[]): string[] =>
    files.flatMap(({ path, isExecutable }) => (isExecutable ? [path] : [])).sort();
  expect(runs(await collectSource(root))).toEqual(["bin/protoc", "tool"]);
  expect(runs(await collectFiles(root, true))).toEqual([]);
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
        const listed = git(root, ...LIST);
        expect(await taken(root)).toEqual(names(listed));
        for (const inner of ["b", "a/b"].filter((one) => existsSync(join(root, one)))) {
          const within = join(root, inner);
          if (isIgnored(root, inner)) continue;
          expect(await taken(within)).toEqual(names(git(within, ...LIST)));
        }
      },
    ),
    { numRuns: 40 },
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
