import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { discover } from "../functions/discover.ts";
import { Bundles } from "./bundles.ts";

const EDGE = 'export const config = { runtime: "edge" };\n';

function project(files: Record<string, string>) {
  const above = mkdtempSync(join(tmpdir(), "cloudify-bundles-"));
  mkdirSync(join(above, "real"));
  // The folder is given by a link, as some systems have it of all that is temporary.
  const root = join(above, "link");
  symlinkSync("real", root);
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const [path, text] of Object.entries(files)) write(path, text);
  const bundles = new Bundles(root);
  const make = async () => {
    const { made, bundled } = await bundles.make(await discover(root));
    const code = new Map(
      made.map(({ source, bundled: { files } }) => [
        source.name,
        Buffer.from(files.get("index.js") ?? "").toString(),
      ]),
    );
    return { bundled, code };
  };
  /** Until nothing was changed while it was bundled: such a bundle is not kept. */
  const settle = () => expect.poll(async () => (await make()).bundled).toEqual([]);
  return { root, write, make, settle };
}

const files = {
  "api/a.ts": `import { word } from "../lib/word";\n${EDGE}export default () => new Response(word);`,
  "api/b.ts": `${EDGE}export default () => new Response("b");`,
  "lib/word.js": 'export const word = "from js";',
};

test("a file that is added and goes before the one that was imported is in the bundle", async () => {
  const { root, write, make, settle } = project(files);
  await settle();
  write("lib/word.ts", 'export const word = "from ts";');
  const { bundled, code } = await make();
  expect(bundled).toEqual(["api/a"]);
  expect(code.get("api/a")).toContain("from ts");
  await settle();
  rmSync(join(root, "lib/word.ts"));
  expect((await make()).code.get("api/a")).toContain("from js");
});

test("a file that is added goes before the folder of its name", async () => {
  const { "lib/word.js": text, ...rest } = files;
  const { write, make, settle } = project({ ...rest, "lib/word/index.js": text });
  await settle();
  write("lib/word.ts", 'export const word = "from ts";');
  expect((await make()).code.get("api/a")).toContain("from ts");
});

test("other files that are added, and folders, bundle nothing again", async () => {
  const { write, make, settle } = project(files);
  await settle();
  write("lib/other.ts", "export {};");
  write("lib/word/deep.ts", "export {};");
  expect((await make()).bundled).toEqual([]);
});

test("paths of a tsconfig.json, what it extends, and imports of a package.json count", async () => {
  const paths = (to: string) => JSON.stringify({ compilerOptions: { paths: { "#word": [`./lib/${to}`] } } });
  const { write, make, settle } = project({
    ...files,
    "api/a.ts": files["api/a.ts"].replace("../lib/word", "#word"),
    "lib/other.js": 'export const word = "from the other";',
    "tsconfig.base.json": paths("word.js"),
    "tsconfig.json": '{ "extends": "./tsconfig.base.json" }',
  });
  await settle();
  write("tsconfig.base.json", paths("other.js"));
  expect((await make()).code.get("api/a")).toContain("from the other");
  await settle();
  write("tsconfig.json", "{}");
  write("package.json", '{ "imports": { "#word": "./lib/word.js" } }');
  expect((await make()).code.get("api/a")).toContain("from js");
});
