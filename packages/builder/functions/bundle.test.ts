import { mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { type BundledFunction, bundleFunction } from "./bundle.ts";

/** A folder with a project in `project`, and what lies beside it. */
function folder(files: Record<string, string>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "cloudify-bundle-")));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const bundle = (root: string): Promise<BundledFunction> =>
  bundleFunction(root, { file: "api/a.ts", name: "api/a", kind: "function" });

const textOf = ({ files }: BundledFunction, name: string): string =>
  Buffer.from(files.get(name) ?? []).toString();

test("WASM files of one name, in folders of one name, are each the one that was imported", async () => {
  const root = folder({
    "project/one/dist/m.wasm": "first",
    "project/two/dist/m.wasm": "second",
    "project/api/a.ts": `import one from "../one/dist/m.wasm";
      import two from "../two/dist/m.wasm?module";
      export default () => [one, two];`,
  });
  const bundled = await bundle(join(root, "project"));
  const names = [...textOf(bundled, "index.js").matchAll(/from "\.\/(wasm\/[^"]+)"/g)].map(
    ([, name]) => name,
  );
  expect(names).toEqual([
    expect.stringMatching(/^wasm\/dist-m-\w+\.wasm$/),
    expect.stringMatching(/^wasm\/dist-m-\w+\.wasm$/),
  ]);
  expect(names.map((name) => textOf(bundled, name ?? ""))).toEqual(["first", "second"]);
});

const OUTSIDE = { "outside.js": "secret", "outside.txt": "secret", "outside.wasm": "secret" };

test.each([
  "../../outside.js",
  "../../outside.txt",
  "../../outside.txt?raw",
  "../../outside.wasm",
  "../../outside.wasm?module",
  "../linked.js",
  "../linked.txt",
  "../linked.txt?raw",
  "../linked.wasm",
  "../linked.wasm?module",
  "../folder/outside.txt?raw",
  "../folder/outside.wasm",
])("an import of %s, which leads out of the project, is refused", async (path) => {
  const root = folder({ ...OUTSIDE, "project/api/a.ts": `import it from "${path}";\nexport default it;` });
  for (const name of Object.keys(OUTSIDE))
    symlinkSync(`../${name}`, join(root, "project", name.replace("outside", "linked")));
  symlinkSync("..", join(root, "project/folder"));
  const name = path.replace(/^.*\.(\w+)(?:\?.*)?$/, "outside.$1");
  await expect(bundle(join(root, "project"))).rejects.toMatchObject({
    code: "bundle_failed",
    message: expect.stringContaining(`api/a.ts:1:16: ../${name} lies outside of the project`),
    fix: "Move it into the project, or set its rootDirectory higher.",
  });
});

test("what lies inside is taken, also by a link, from an installed package, and where the project is a link", async () => {
  const root = folder({
    "project/a.txt": "one",
    "project/m.wasm": "two",
    "node_modules/p/m.wasm": "three",
    "node_modules/p/a.txt": "four",
    "project/api/a.ts": `import a from "../a.txt?raw";
      import b from "../linked.txt?raw";
      import m from "../m.wasm";
      import n from "../linked.wasm";
      import p from "p/m.wasm";
      import q from "../../node_modules/p/a.txt?raw";
      export default [a, b, m, n, p, q];`,
  });
  symlinkSync("a.txt", join(root, "project/linked.txt"));
  symlinkSync("m.wasm", join(root, "project/linked.wasm"));
  symlinkSync("project", join(root, "link"));
  for (const name of ["project", "link"]) {
    const { files } = await bundle(join(root, name));
    const modules = [...files].filter(([path]) => path.startsWith("wasm/"));
    expect(modules.map(([, content]) => Buffer.from(content).toString())).toEqual(["two", "three"]);
  }
});

test.each(["./gone.wasm", "./gone.txt?raw"])("of %s, which is not there, the place is told", async (path) => {
  const root = folder({ "api/a.ts": `import it from "${path}";\nexport default it;` });
  await expect(bundle(root)).rejects.toMatchObject({
    message: expect.stringContaining(`api/a.ts:1:16: Could not resolve "${path}"`),
  });
});
