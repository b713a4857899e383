import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkExposed } from "./exposed.ts";
import { readTree } from "./tree.ts";

function output(files: Record<string, string | Buffer>) {
  const root = mkdtempSync(join(tmpdir(), "cloudify-exposed-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return readTree(root);
}

const SECRET = "sk_live_0123456789abcdef";
const env = { API_KEY: SECRET, NEXT_PUBLIC_URL: "https://public.example", SHORT: "short-value" };
/** @param sensitive Names; all of them unless it says others. */
const check = async (
  files: Record<string, string | Buffer>,
  variables: Record<string, string> = env,
  sensitive = Object.keys(variables),
) => checkExposed(await output(files), { env: variables, secrets: Object.keys(variables), sensitive });

test.each([
  ["a script", "static/app.js", `const key="${SECRET}"`],
  ["base64", "static/app.js", Buffer.from(`x=${SECRET}`).toString("base64")],
  ["a page that was rendered beforehand", "functions/index.prerender-fallback.html", `<p>${SECRET}</p>`],
  ["the name of a file", `static/of-${SECRET}.txt`, "nothing"],
  ["the end of a large file", "static/big.js", `${"x".repeat(3_000_000)}${SECRET}`],
])(
  "a secret that visitors can read ends the build, and is named with its file: %s",
  async (_, path, text) => {
    const found = await check({ [path]: text }).catch((error: unknown) => error);
    expect(found).toMatchObject({ code: "secret_exposed", isRetryable: false });
    expect(String(found)).toContain(`API_KEY in ${path}`);
    expect(String(found).replace(path, "")).not.toContain(SECRET);
  },
);

test.each([
  ["functions/index.func/page.js", SECRET],
  ["functions/index.func/.vc-config.json", `{"environment":{"K":"${SECRET}"}}`],
])("in what runs it is told, and permitted: %s", async (path, text) => {
  expect(await check({ [path]: text })).toEqual([expect.stringContaining(`API_KEY in ${path}`)]);
});

test("what is public by its name, by another variable, or too short to be known is nobody's secret", async () => {
  const url = "https://public.example";
  expect(await check({ "static/app.js": `${url} short-value` }, { ...env, SITE_URL: url })).toEqual([]);
});

test("a value is found wherever it stands, across the borders of what is read at once", async () => {
  const places = fc.integer({ min: 1024 * 1024 - 40, max: 1024 * 1024 + 8 });
  await fc.assert(
    fc.asyncProperty(places, async (at) => {
      const text = Buffer.alloc(1024 * 1024 + 100, "y");
      text.write(SECRET, at);
      await expect(check({ "static/a.js": text })).rejects.toMatchObject({ code: "secret_exposed" });
    }),
    { numRuns: 8 },
  );
});

test("what looks like a secret, and was not marked as one, is told when visitors are shown it, and refuses nothing", async () => {
  expect(await check({ "static/app.js": SECRET }, env, [])).toEqual([
    expect.stringMatching(/to every visitor: API_KEY in static\/app\.js\. .*--sensitive/),
  ]);
  expect(
    await check({ "static/app.js": "eu-central-1-production" }, { ZONE: "eu-central-1-production" }),
  ).toEqual([]);
});
