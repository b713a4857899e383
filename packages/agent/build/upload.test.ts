import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readTree } from "./tree.ts";
import { type UploadClient, uploadOutput } from "./upload.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

function tree(files: Record<string, string>, links: Record<string, string> = {}): string {
  const root = mkdtempSync(join(tmpdir(), "cloudify-output-"));
  const at = (path: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    return join(root, path);
  };
  for (const [path, text] of Object.entries(files)) writeFileSync(at(path), text);
  for (const [path, target] of Object.entries(links)) symlinkSync(target, at(path));
  return root;
}

/** A platform that keeps what it is sent; `fail` may throw before it does. */
class Store implements UploadClient {
  readonly held = new Map<string, string>();
  /** Files that came, in packs or alone. */
  files = 0;
  packs = 0;
  readonly #fail: (call: number) => void;
  #calls = 0;

  constructor(fail: (call: number) => void = () => undefined) {
    this.#fail = fail;
  }

  async missing(digests: readonly string[]): Promise<string[]> {
    this.#fail(this.#calls++);
    return digests.filter((one) => !this.held.has(one));
  }

  async put(digest: string, body: Blob): Promise<void> {
    this.#fail(this.#calls++);
    this.files++;
    this.held.set(digest, await body.text());
  }

  async putPack({ type, body }: { type: string; body: Blob }): Promise<void> {
    this.#fail(this.#calls++);
    const parts = [...(await new Response(body, { headers: { "content-type": type } }).formData())];
    this.packs++;
    this.files += parts.length;
    for (const [digest, part] of parts) this.held.set(digest, await (part as File).text());
  }
}

const options = { signal: new AbortController().signal, pause: async () => undefined };

const APP = {
  "config.json": "{}",
  "static/a.txt": "same",
  "static/b.txt": "same",
  "functions/posts/[id].func/.vc-config.json": "{}",
  "functions/posts/[id].func/index.js": "code",
};

test("every file is told with its digest, and each content is sent once", async () => {
  const store = new Store();
  const files = await uploadOutput(tree(APP), store, options);
  expect(files.map((file) => file.path).sort()).toEqual(Object.keys(APP).sort());
  for (const { path, sha256: digest, size } of files) {
    const text = APP[path as keyof typeof APP];
    expect([digest, size]).toEqual([sha256(text), text.length]);
    expect(store.held.get(digest)).toBe(text);
  }
  expect(store.files).toBe(3);
});

test("what the team has is not sent again", async () => {
  const store = new Store();
  const output = tree(APP);
  await uploadOutput(output, store, options);
  const before = store.files;
  await uploadOutput(output, store, options);
  expect(store.files).toBe(before);
});

test("small files travel together, large ones alone", async () => {
  const many = Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`static/${i}.txt`, `file ${i}`]));
  const store = new Store();
  await uploadOutput(tree({ ...APP, ...many, "static/large.bin": "x".repeat(300_000) }), store, options);
  expect(store.files).toBe(254);
  expect(store.packs).toBe(3);
  expect(store.held.get(sha256("x".repeat(300_000)))).toHaveLength(300_000);
  expect(store.held.get(sha256("file 249"))).toBe("file 249");
});

test("a platform of before packs is sent each file by itself", async () => {
  const store = new Store();
  store.putPack = async () => {
    throw Object.assign(new Error("no such route"), { status: 404 });
  };
  await uploadOutput(tree(APP), store, options);
  expect([store.files, store.packs]).toEqual([3, 0]);
  expect(store.held.get(sha256("code"))).toBe("code");
});

test("a function that is a link to another is told as that", async () => {
  const output = tree(APP, {
    "functions/index.func": "posts/[id].func",
    "functions/a/b.func": "../index.func",
  });
  const files = await uploadOutput(output, new Store(), options);
  const links = files.filter((file) => file.link !== undefined).map(({ path, link }) => [path, link]);
  expect(links.sort()).toEqual([
    ["functions/a/b.func", "../index.func"],
    ["functions/index.func", "posts/[id].func"],
  ]);
  expect(files).toHaveLength(Object.keys(APP).length + 2);
});

test("links and executables inside of a function stay what they are", async () => {
  const own = { "functions/a.func/node_modules/.pnpm/x/index.js": "x", "functions/a.func/bin/engine": "#!" };
  const output = tree({ ...APP, ...own }, { "functions/a.func/node_modules/x": ".pnpm/x" });
  chmodSync(join(output, "functions/a.func/bin/engine"), 0o755);
  const store = new Store();
  const files = await uploadOutput(output, store, options);
  const of = (path: string) => files.find((file) => file.path === path);
  expect(of("functions/a.func/node_modules/x")).toEqual({
    path: "functions/a.func/node_modules/x",
    sha256: sha256(".pnpm/x"),
    size: 7,
    link: ".pnpm/x",
  });
  expect(store.held.get(sha256(".pnpm/x"))).toBe(".pnpm/x");
  expect(of("functions/a.func/bin/engine")).toMatchObject({ isExecutable: true });
  expect(of("functions/a.func/node_modules/.pnpm/x/index.js")).not.toHaveProperty("isExecutable");
});

test.each([
  ["functions/a.func/passwd", "/etc/passwd"],
  ["functions/a.func/up", "../../config.json"],
  ["functions/a.func/around", "../a.func/../../config.json"],
  ["functions/a.func", "/etc"],
  ["functions/a.func", "../static"],
  ["functions/a.func", "nowhere.func"],
  ["static/hosts", "/etc/hosts"],
  ["static/nothing", "nowhere"],
])("a link that leads out is refused: %s → %s", async (path, target) => {
  const output = tree(APP, { [path]: target });
  await expect(readTree(output)).rejects.toMatchObject({ code: "link_outside" });
});

test("a call that fails for a while is made again; one that is refused is not", async () => {
  const flaky = new Store((call) => {
    if (call % 3 !== 0) throw Object.assign(new Error("busy"), { status: 503 });
  });
  await uploadOutput(tree(APP), flaky, options);
  expect(flaky.held.size).toBe(3);
  let calls = 0;
  const fenced = new Store(() => {
    calls++;
    throw Object.assign(new Error("fenced"), { status: 409 });
  });
  await expect(uploadOutput(tree(APP), fenced, options)).rejects.toThrow("fenced");
  expect(calls).toBe(1);
});

test("an abort ends it between two calls", async () => {
  const stop = new AbortController();
  const store = new Store((call) => {
    if (call === 1) stop.abort(new Error("canceled"));
  });
  await expect(uploadOutput(tree(APP), store, { ...options, signal: stop.signal })).rejects.toThrow(
    "canceled",
  );
});
