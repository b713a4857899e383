import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { NO_BUILD_SETTINGS } from "@cloudify/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { enclose } from "./enclose.ts";
import { readProject } from "./project.ts";

const BERRY = JSON.stringify({ packageManager: "yarn@4.18.1" });

/** A job's folder as it lies by default: below a checkout of the platform. */
let job: string;
let platform: string;
beforeEach(() => {
  platform = realpathSync(mkdtempSync(join(tmpdir(), "cloudify-enclose-")));
  writeFileSync(join(platform, "package.json"), `{"type":"module","workspaces":["packages/*"]}`);
  job = join(platform, "jobs/one");
});
afterEach(() => rmSync(platform, { recursive: true, force: true }));

async function enclosed(files: Record<string, string>, settings: Partial<typeof NO_BUILD_SETTINGS> = {}) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(job, "source", path)), { recursive: true });
    writeFileSync(join(job, "source", path), text);
  }
  return enclose(await readProject(join(job, "source"), { ...NO_BUILD_SETTINGS, ...settings }));
}
const inSource = (path: string) => join(job, "source", path);
const npmPrefix = (cwd: string) => execFileSync("npm", ["prefix"], { cwd, encoding: "utf8" }).trim();
const sourceFiles = () => readdirSync(join(job, "source"), { recursive: true, encoding: "utf8" }).sort();

test("a source without a package.json is no part of what lies above its job, and stays as it is", async () => {
  const files = { "index.html": "hi", "api/hello.js": "console.log(typeof module)" };
  expect(await enclosed(files)).toEqual({});
  expect(npmPrefix(inSource("api"))).toBe(job);
  const type = execFileSync(process.execPath, [inSource("api/hello.js")], { encoding: "utf8" });
  expect(type.trim()).toBe("object");
  expect(sourceFiles()).toEqual(["api", "api/hello.js", "index.html"]);
});

test("what such a source's own command installs lies in the source", async () => {
  await enclosed({ "web/api/hello.js": "" }, { rootDirectory: "web", installCommand: "npm install sharp" });
  expect(npmPrefix(inSource("web/api"))).toBe(inSource("web"));
});

test("a source with a package.json, its own or its repository's, is left alone", async () => {
  expect(await enclosed({ "package.json": "{}", "web/index.html": "" }, { rootDirectory: "web" })).toEqual(
    {},
  );
  expect(readdirSync(job)).toEqual(["source"]);
  expect(sourceFiles()).toEqual(["package.json", "web", "web/index.html"]);
});

test("yarn 4 without a lockfile takes the repository's root for the project's, and may make one", async () => {
  const files = { "package.json": BERRY, "web/package.json": BERRY };
  expect(await enclosed(files, { rootDirectory: "web" })).toEqual({
    YARN_ENABLE_IMMUTABLE_INSTALLS: "false",
  });
  expect(readFileSync(inSource("yarn.lock"), "utf8")).toBe("");
});

test("a lockfile of yarn's is kept to", async () => {
  const files = {
    "package.json": BERRY,
    "yarn.lock": "__metadata:\n  version: 8\n",
    "web/package.json": "{}",
  };
  expect(await enclosed(files, { rootDirectory: "web" })).toEqual({});
  expect(readFileSync(inSource("yarn.lock"), "utf8")).toContain("__metadata");
});
