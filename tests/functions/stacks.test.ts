/** Stacks in the log name the source that people wrote, however the function was bundled. */
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { edge } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, folder, tree } from "#tests/support/sites.ts";

const platform = new TestPlatform();
const { at } = platform;

/** Throws in line 6, called from line 10, and says so in line 11. */
const SOURCE = `interface Asked {
  url: string;
}

function deep(asked: Asked): never {
  throw new TypeError("of " + new URL(asked.url).pathname);
}

export default function handler(request: Request): Response {
  if (/throw/.test(request.url)) deep(request);
  console.error("logged", { error: new Error("kept"), at: import.meta });
  return new Response("ok");
}
`;

beforeAll(() => platform.start());
afterAll(() => platform.remove());

const said = async (deployment: string) =>
  String(await platform.client.call("GET", `/api/deployments/${deployment}/events`))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as { text: string }).text)
    .join("\n");

async function stacksNameTheSource(deployment: string, host: string, path: string, file: string) {
  await get(at(host, `${path}?throw`));
  await get(at(host, path));
  await expect.poll(() => said(deployment)).toContain("TypeError: of ");
  await expect.poll(() => said(deployment)).toContain("Error: kept");
  const text = await said(deployment);
  expect(text).toContain(`at deep (${file}:6:9)`);
  expect(text).toMatch(new RegExp(`at (?:Object\\.|Module\\.|async )?handler \\(${file}:10:34\\)`));
  expect(text).toContain(`(${file}:11:36)`);
  // Nothing of the platform's own.
  expect(text).not.toMatch(/__cloudify|cloudify:entry|<entry>|node-internal/);
}

async function bundled(sourcemap: "inline" | "linked"): Promise<Record<string, string>> {
  const { outputFiles } = await build({
    stdin: { contents: SOURCE, loader: "ts", sourcefile: "src/routes/hello.ts" },
    outfile: "/out/index.js",
    format: "esm",
    bundle: true,
    minifyWhitespace: true,
    sourcemap,
    write: false,
  });
  return Object.fromEntries(outputFiles.map((file) => [file.path.replace("/out/", ""), file.text]));
}

test.each(["inline", "linked"] as const)("maps that an output brings along: %s", async (kind) => {
  const { "index.js": code = "", ...maps } = await bundled(kind);
  const { id } = await platform.client.request("POST /api/projects", { body: { name: `maps-${kind}` } });
  const output = { ...tree({}), ...edge("hello", code, maps) };
  const done = await deployTree(platform.client, id, output, { target: "production" });
  expect(done.error).toBeNull();
  await stacksNameTheSource(done.id, `maps-${kind}`, "/hello", "src/routes/hello.ts");
  // They are not served.
  for (const path of ["/index.js.map", "/hello/index.js.map", "/functions/hello.func/index.js.map"])
    expect((await get(at(`maps-${kind}`, path))).status).toBe(404);
});

test("functions from source, bundled by the platform", async () => {
  const made = await platform.client.request("POST /api/functions", {
    body: { name: "sourced", files: { "src/index.ts": SOURCE }, entry: "src/index.ts" },
  });
  const deployment = made.newest.deploymentId;
  for await (const _ of platform.client.follow(deployment, 0, undefined, "ended")) {
    // Its log ends when it is ready.
  }
  await stacksNameTheSource(deployment, "sourced", "/", "src/index.ts");
});

test("functions of a project, bundled on the user's machine", async () => {
  const root = folder({
    "api/hello.ts": `${SOURCE}export const config = { runtime: "edge" };\n`,
    "index.html": "x",
  });
  await platform.cli("link", root, "--project", "built", "--yes");
  const { id } = await platform.json<{ id: string }>("deploy", root, "--prod");
  await stacksNameTheSource(id, "built", "/api/hello", "api/hello.ts");
});
