import { Client } from "@cloudify/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { codeOf, finished, folder } from "#tests/support/sites.ts";

const platform = new TestPlatform();
beforeAll(() => platform.start());
afterAll(() => platform.remove());

interface Shown {
  id: string;
  name: string;
  url: string;
  live: string | null;
  newest: { deploymentId: string; state: string };
  /** What a deploy made. */
  deploymentId?: string;
}
interface Failure {
  error: { code: string; detail: string; fix: string; errors?: object[] };
}

const deploy = (...words: string[]) => platform.json<Shown>("functions", "deploy", ...words);
const text = async (url: string, path = "/") => (await get(url + path)).text();
const says = (word: string) => `export default () => new Response(${JSON.stringify(word)});`;

/** Both faces of a failure: what people read, and the one JSON document. */
async function refused(...words: string[]) {
  const people = await platform.cli("functions", ...words);
  const { code, stdout } = await platform.cli("functions", ...words, "--json");
  expect([people.code, people.stdout]).toEqual([code, ""]);
  return { code, told: people.stderr, error: (JSON.parse(stdout) as Failure).error };
}

/** A raw call: what the SDK would not send. */
async function post(body: object, headers: Record<string, string> = {}, token = platform.token) {
  const response = await fetch(`${platform.api}/api/functions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Shown & Failure["error"],
  };
}

describe("what can be deployed", () => {
  test("one file: the last line is the address, which answers at every path", async () => {
    const file = `${folder({ "hello.ts": `export default (request: Request): Response => new Response(new URL(request.url).pathname);` })}/hello.ts`;
    const { code, stdout } = await platform.cli("functions", "deploy", "one-file", file);
    expect([code, stdout]).toEqual([0, `http://one-file.localhost:${platform.port}\n`]);
    expect(await text(stdout.trim(), "/any/path")).toBe("/any/path");
  });

  test("a folder: relative imports with and without endings, texts, JSON, JSX, names that the map gives", async () => {
    const root = folder({
      "index.tsx": `import { shout } from "./lib/shout"; import { mark } from "./lib/mark.js"; import data from "./data.json";
        import note from "./note.txt"; import trim from "trimmer"; import { twice } from "tools/twice.js";
        const Page = ({ name }: { name: string }) => <p>{name}</p>;
        export const GET = (): Response => new Response([shout(trim(" a ")), mark, data.n, note, twice("b"), <Page name="c" />].join(" "));
        export const POST = async (request: Request) => new Response((await request.text()) + mark);`,
      "lib/shout.ts": "export const shout = (word: string): string => word.toUpperCase();",
      "lib/mark/index.ts": `export const mark = "!" as const;`,
      "lib/mark.ts": `export { mark } from "./mark/index.ts";`,
      "data.json": `{ "n": 7 }`,
      "note.txt": "noted",
      "vendor/trim.js": "module.exports = (word) => word.trim();",
      "vendor/tools/twice.js": "export const twice = (word) => word + word;",
      "vendor/jsx.js":
        'export const jsx = (of, { children, ...props }) => of.call ? of(props) : "<" + of + ">" + children + "</" + of + ">";',
      "photo.png": "no text",
      "node_modules/left/index.js": "out of it",
      ".env": "SECRET=1",
    });
    const names = ["trimmer=./vendor/trim.js", "tools/=vendor/tools/", "react/jsx-runtime=./vendor/jsx.js"];
    const ran = await platform.cli(
      "functions",
      "deploy",
      "folder",
      root,
      ...names.flatMap((one) => ["--import", one]),
    );
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain("Left out 1 files");
    const url = ran.stdout.trim();
    expect(await text(url)).toBe("A ! 7 noted bb <p>c</p>");
    expect(await (await get(url, { method: "POST", body: "sent" })).text()).toBe("sent!");
    expect((await get(url, { method: "PUT" })).status).toBe(405);
  });

  test("a package's files, when an import names them", async () => {
    const root = folder({
      "main.js": `import { pad } from "padder"; export default () => new Response(pad("x"));`,
      "node_modules/padder/index.js": `export { pad } from "./pad.js";`,
      "node_modules/padder/pad.js": 'export const pad = (word) => "[" + word + "]";',
    });
    const { url } = await deploy(
      "package",
      `${root}/main.js`,
      "--import",
      "padder=node_modules/padder/index.js,its/=node_modules/padder/",
    );
    expect(await text(url)).toBe("[x]");
  });

  test("imports in a circle", async () => {
    const root = folder({
      "index.js": `import { even } from "./even.js"; export default () => new Response(String(even(10)));`,
      "even.js": `import { odd } from "./odd.js"; export const even = (n) => n === 0 || odd(n - 1);`,
      "odd.js": `import { even } from "./even.js"; export const odd = (n) => n !== 0 && even(n - 1);`,
    });
    expect(await text((await deploy("circle", root)).url)).toBe("true");
  });

  test("a variable of the function reaches its next version, and not the one before", async () => {
    const root = folder({ "index.js": `export default () => new Response(process.env.WORD ?? "none");` });
    const { url } = await deploy("variables", root);
    await platform.json("env", "add", "WORD", "--value", "given", "--project", "variables");
    expect(await text(url)).toBe("none");
    await deploy("variables", root);
    await expect.poll(() => text(url)).toBe("given");
  });

  test("two at once: both become ready, and one of them is what everybody gets", async () => {
    const both = await Promise.all(
      ["first", "second"].map((word) => deploy("at-once", folder({ "index.js": says(word) }))),
    );
    const [one, two] = both;
    expect(one?.id).toBe(two?.id);
    expect(one?.deploymentId).not.toBe(two?.deploymentId);
    const { newest, live } = await platform.json<Shown>("functions", "inspect", "at-once");
    expect([one?.deploymentId, two?.deploymentId]).toContain(newest.deploymentId);
    expect([newest.state, live]).toEqual(["ready", newest.deploymentId]);
    const answered = await text(both[0]?.url ?? "");
    expect(["first", "second"]).toContain(answered);
    for (let i = 0; i < 10; i++) expect(await text(both[0]?.url ?? "")).toBe(answered);
  });
});

describe("what is refused says where and what to do, and leaves nothing", () => {
  const bundling = async (name: string, files: Record<string, string>, ...more: string[]) => {
    const { code, told, error } = await refused("deploy", name, folder(files), ...more);
    expect([code, error.code]).toEqual([1, "bundle_failed"]);
    expect((await refused("inspect", name)).error.code).toBe("not_found");
    return { told, error };
  };

  test("a syntax error: file, line, column and the line itself; every one of several", async () => {
    const { told, error } = await bundling("syntax", {
      "index.ts": `import "./lib/broken.ts";\nimport "./lib/too.ts";\nexport default () => new Response("");`,
      "lib/broken.ts": "export const a = 1;\n  const b = (;\n",
      "lib/too.ts": "const { = 1;\n",
    });
    expect(told).toContain(`lib/broken.ts:2:14: Unexpected ";"\n  2 |   const b = (;\n    |              ^`);
    expect(told).toContain("lib/too.ts:1:9: ");
    expect(error.errors).toContainEqual({
      text: 'Unexpected ";"',
      file: "lib/broken.ts",
      line: 2,
      column: 14,
      excerpt: "  const b = (;",
      fix: null,
    });
  });

  test("an error in a minified file is told around its place, by characters, in an answer that can be kept", async () => {
    const before = `/*${"ü".repeat(900_000)}*/`;
    const files = { "index.js": `${before}const a = (;${"a();".repeat(10_000)}` };
    const key = { "idempotency-key": crypto.randomUUID() };
    const first = await post({ name: "minified", files }, key);
    expect([first.status, first.body.code]).toEqual([422, "bundle_failed"]);
    expect(first.body.detail.length).toBeLessThan(1_000);
    expect(first.body.errors).toMatchObject([{ line: 1, column: before.length + 12 }]);
    const [, excerpt = "", mark = ""] = first.body.detail.split("\n");
    expect(excerpt.slice(mark.indexOf("^") - 1, mark.indexOf("^") + 1)).toBe("(;");
    expect((await post({ name: "minified", files }, key)).headers.get("idempotency-replayed")).toBe("true");
  });

  test.each([
    ["a package", "lodash", 'Could not resolve "lodash"', "--import NAME=PATH"],
    ["an address", "https://esm.sh/lodash", "is not fetched", "Nothing is fetched"],
    ["a path that leaves the folder", "../secret.js", "leaves the function's folder", "inside of one folder"],
    ["a file that is not there", "./missing.js", 'Could not resolve "./missing.js"', "missing.js along"],
    ["what only Node has", "node:child_process", "does not exist in an edge function", "Web APIs"],
    ["what is no text", "./photo.png", 'Could not resolve "./photo.png"', "photo.png along"],
  ])("an import of %s", async (_, specifier, detail, fix) => {
    const { told, error } = await bundling("imports", {
      "index.js": `import x from ${JSON.stringify(specifier)};\nexport default () => new Response(x);`,
      "photo.png": "bytes",
    });
    expect(error.detail).toContain("index.js:1:");
    expect(error.detail).toContain(detail);
    expect(error.fix).toContain(fix);
    expect(told).toContain(error.fix);
  });

  test("a path that is not inside of the function, over REST", async () => {
    for (const path of ["../x.js", "/x.js", "a/../x.js", "a//x.js", "a\\x.js", "./x.js"]) {
      const answer = await post({ name: "paths", files: { "index.js": says("x"), [path]: "" } });
      expect([path, answer.status, answer.body.code]).toEqual([path, 400, "invalid_input"]);
    }
    for (const entry of ["../index.js", "other.js"])
      expect((await post({ name: "paths", files: { "index.js": says("x") }, entry })).body.code).toBe(
        "invalid_input",
      );
    const unclear = await post({ name: "paths", files: { "a.js": says("a"), "b.js": says("b") } });
    expect([unclear.status, unclear.body.fix]).toEqual([400, expect.stringContaining("--entry")]);
  });

  test("more than 2 MiB, by the command before it is sent, and by the API", async () => {
    const most = 2 * 1024 * 1024;
    const filled = (size: number) => `${says("big")}//`.padEnd(size, "x");
    const tooLarge = await refused(
      "deploy",
      "big",
      folder({ "index.js": says("x"), "lib/big.js": filled(most) }),
    );
    expect(tooLarge.error).toMatchObject({
      code: "too_large",
      detail: expect.stringContaining("lib/big.js (2.1 MB)"),
    });
    const over = await post({ name: "big", source: filled(most + 1) });
    expect([over.status, over.body.code]).toEqual([413, "too_large"]);
    expect((await refused("inspect", "big")).error.code).toBe("not_found");
    expect((await post({ name: "big", source: filled(most) })).status).toBe(201);
  });

  test("a source that becomes a bundle of more than 10 MiB", async () => {
    // What an enum's member says is written wherever it is used.
    const source = `enum A{a="${"x".repeat(20_000)}"}\nexport default () => new Response([${"A.a,".repeat(600)}].join())`;
    const answer = await post({ name: "grows", source });
    expect([answer.status, answer.body.code]).toEqual([422, "function_too_large"]);
    expect(answer.body.detail).toContain("10485760 are allowed");
  });

  test("a source that would become gigabytes ends its own bundling, and the next one is done", async () => {
    const source = `enum A{a="${"x".repeat(600_000)}"}\nexport default () => new Response([${"A.a,".repeat(200_000)}].join())`;
    const answer = await post({ name: "bomb", source });
    // Its memory ends it, or on a busy machine its time.
    expect(answer.body.code).toBe("bundle_failed");
    expect((await refused("inspect", "bomb")).error.code).toBe("not_found");
    const { url } = await deploy("after-bomb", folder({ "index.js": says("still here") }));
    expect(await text(url)).toBe("still here");
  }, 120_000);

  test("a wrong call of the command", async () => {
    const root = folder({ "index.js": says("x") });
    const code = async (...words: string[]) => {
      const { code: exit, error } = await refused(...words);
      return [exit, error.code];
    };
    expect(await code("deploy", "usage", root, "--percent", "0")).toEqual([2, "invalid_percent"]);
    expect(await code("deploy", "usage", root, "--percent", "half")).toEqual([2, "invalid_percent"]);
    expect(await code("deploy", "usage", root, "--import", "x")).toEqual([2, "invalid_import"]);
    expect(await code("deploy", "usage", root, "--import", "x=../x.js")).toEqual([2, "outside_folder"]);
    expect(await code("deploy", "usage", root, "--import", "x=./x.js")).toEqual([1, "no_source"]);
    expect(await code("deploy", "usage", `${root}/nothing.js`)).toEqual([1, "no_source"]);
    expect(await code("deploy", "Not A Name", root)).toEqual([1, "invalid_input"]);
    expect(await code("rollout", "usage", "101")).toEqual([2, "invalid_percent"]);
    expect((await platform.cli("functions", "deploy", "usage")).code).toBe(2);
  });
});

describe("names, lists and who may", () => {
  test("a site's name is taken for a function, and a function's for a site; removal frees it", async () => {
    const root = folder({ "index.js": says("function") });
    await platform.json("projects", "add", "contested");
    expect((await refused("deploy", "contested", root)).error).toMatchObject({ code: "name_taken" });
    expect((await refused("inspect", "contested")).error.code).toBe("not_found");
    await platform.json("projects", "rm", "contested");
    const { url } = await deploy("contested", root);
    expect(await text(url)).toBe("function");
    const site = await platform.cli("projects", "add", "contested", "--json");
    expect(JSON.parse(site.stdout)).toMatchObject({ error: { code: "name_taken" } });
    expect(await platform.json("functions", "rm", "contested")).toEqual({ removed: "contested" });
    await expect.poll(async () => (await get(url)).status).toBe(404);
    const page = await platform.json<{ url: string }>(
      "deploy",
      folder({ "index.html": "site" }),
      "--project",
      "contested",
      "--prod",
    );
    expect(page.url).toBeTruthy();
    await expect.poll(() => text(url)).toBe("site");
  });

  test("a function takes no site, whatever target it is for", async () => {
    const { live } = await deploy("only-source", folder({ "index.js": says("source") }));
    const site = folder({ "index.html": "site" });
    for (const more of [[], ["--prod"], ["--branch", "x"]]) {
      const words = ["deploy", site, "--project", "only-source", ...more, "--yes", "--json"];
      const { code, stdout } = await platform.cli(...words);
      const { error } = JSON.parse(stdout) as Failure;
      expect([code, error.code, error.fix]).toEqual([
        1,
        "invalid_input",
        expect.stringContaining("functions deploy"),
      ]);
    }
    const again = await platform.json<{ id: string }>("redeploy", live ?? "");
    expect(await platform.json("functions", "inspect", "only-source")).toMatchObject({
      newest: { deploymentId: again.id },
    });
  });

  test("the list has each once, page after page, and no sites", async () => {
    const names = ["page-1", "page-2", "page-3"];
    for (const name of names) await deploy(name, folder({ "index.js": says(name) }), "--no-wait");
    const { client } = platform;
    const listed: string[] = [];
    for await (const one of client.pages((cursor) =>
      client.request("GET /api/functions", { query: { limit: 2, ...(cursor ? { cursor } : {}) } }),
    )) {
      listed.push(one.name);
    }
    expect(listed.filter((name) => names.includes(name))).toEqual(names);
    expect(new Set(listed).size).toBe(listed.length);
    expect(listed).not.toContain("hello");
    const all = await platform.json<Shown[]>("functions", "ls");
    expect(all.map((one) => one.name)).toEqual(listed);
  });

  test("another team finds nothing of it, and may have the same name", async () => {
    const { id, url } = await deploy("ours", folder({ "index.js": says("ours") }));
    const { token } = await platform.client.request("POST /api/teams", { body: { slug: "strangers" } });
    const stranger = new Client({ api: platform.api, token: token.token });
    for (const name of [id, "ours"]) {
      const params = { function: name };
      expect(await codeOf(stranger.request("GET /api/functions/{function}", { params }))).toBe("not_found");
      expect(await codeOf(stranger.request("DELETE /api/functions/{function}", { params }))).toBe(
        "not_found",
      );
      const move = { params: { project: name }, body: { percent: 10 } };
      expect(await codeOf(stranger.request("POST /api/projects/{project}/rollout", move))).toBe("not_found");
    }
    expect((await stranger.request("GET /api/functions")).data).toEqual([]);
    const theirs = await stranger.request("POST /api/functions", {
      body: { name: "ours", source: says("theirs") },
    });
    expect(theirs.url).not.toBe(url);
    await finished(stranger, theirs.newest.deploymentId);
    expect([await text(url), await text(theirs.url)]).toEqual(["ours", "theirs"]);
  });

  test("a viewer may look, and nothing else", async () => {
    const { id } = await deploy("looked-at", folder({ "index.js": says("x") }));
    const { token } = await platform.json<{ token: string }>("tokens", "add", "eyes", "--role", "viewer");
    const as = (...words: string[]) =>
      platform.cli("functions", ...words, "--token", token, "--yes", "--json");
    expect(JSON.parse((await as("inspect", "looked-at")).stdout)).toMatchObject({ id });
    const root = folder({ "index.js": says("y") });
    for (const words of [
      ["deploy", "looked-at", root],
      ["rm", "looked-at"],
      ["rollout", "looked-at", "10"],
      ["revert", "looked-at"],
    ]) {
      const { code, stdout } = await as(...words);
      expect([words[0], code, (JSON.parse(stdout) as Failure).error.code]).toEqual([
        words[0],
        1,
        "forbidden",
      ]);
    }
  });

  test("a repeated call with one idempotency key makes one version", async () => {
    const headers = { "idempotency-key": "functions-once" };
    const body = { name: "once", source: says("once") };
    const first = await post(body, headers);
    const again = await post(body, headers);
    expect([again.status, again.headers.get("idempotency-replayed")]).toEqual([201, "true"]);
    expect(again.body).toEqual(first.body);
    const other = await post({ ...body, source: says("twice") }, headers);
    expect([other.status, other.body.code]).toEqual([422, "idempotency_mismatch"]);
    const { data } = await platform.client.request("GET /api/projects/{project}/deployments", {
      params: { project: "once" },
    });
    expect(data).toHaveLength(1);
  });

  test("what it writes is in its log, whichever of its versions wrote it", async () => {
    const chatty = (word: string) =>
      `export default () => { console.log("said by ${word}"); return new Response("") }`;
    const { url, live } = await deploy("chatty", folder({ "index.js": chatty("old") }));
    const { newest } = await deploy("chatty", folder({ "index.js": chatty("new") }), "--percent", "50");
    for (const id of [live, newest.deploymentId])
      await get(url, { headers: { "x-deployment-id": id ?? "" } });
    const log = async () => (await platform.cli("functions", "logs", "chatty", "--json")).stdout;
    await expect.poll(log).toContain("said by old");
    await expect.poll(log).toContain("said by new");
  });
});
