import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deployFunctions } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";

const platform = new TestPlatform();
const { at, newProject: project } = platform;
beforeAll(() => platform.start());
afterAll(() => platform.remove());

const escaped = (text: string) => text.replace(/[[\]]/g, "\\$&");

describe("functions that do wrong get a clear answer", () => {
  beforeAll(async () => {
    const id = await project("wrong");
    await deployFunctions(platform.client, id, {
      throws: `export default () => { throw new Error("boom") }`,
      "throws-object": `export default () => { throw { code: 7 } }`,
      "throws-null": `export default () => { throw Object.create(null) }`,
      "throws-odd": `import { inspect } from "node:util"; export default () => { throw { [inspect.custom]() { throw 1 } } }`,
      "throws-quietly": `console.error = null; export default () => { throw new Error("unheard of") }`,
      exits: `export default () => process.exit(3)`,
      reports: `export default () => { reportError(new RangeError("reported")); return new Response("went on") }`,
      aborted: `export default () => { try { AbortSignal.abort().throwIfAborted() } catch (e) { console.error("why:", e, { id: 7 }); throw e } }`,
      "at-load": `throw new Error("at load")`,
      number: `export default () => 5`,
      nothing: `export const x = 1`,
      hangs: `export default () => new Promise(() => {})`,
      imports: `export default async () => new Response(await import("./missing.js"))`,
      many: `export default () => { const h = new Headers(); for (let i = 0; i < 10000; i++) h.set("x-" + i, "v"); return new Response("many", { headers: h }) }`,
      larger: `export default () => { const h = new Headers(); for (let i = 0; i < 10000; i++) h.set("x-" + i, "v".repeat(20)); return new Response("many", { headers: h }) }`,
      splits: `export default () => { try { return new Response("", { headers: { "x-a": "b\\r\\nset-cookie: c=d" } }) } catch (e) { return new Response("refused: " + e.name) } }`,
      fetches: `const tried = (of) => of.then(() => "answered", (error) => error.name);
        export default async () => new Response([
          await tried(fetch("/relative")), await tried(fetch("https://a.example", { method: "a b" })),
          await tried(fetch(new Request("https://a.example", { method: "POST", body: "x" }), { headers: { "a b": "c" } })),
        ].join(" "))`,
      twice: `export default () => { const r = new Response("once"); r.text(); return r }`,
      locked: `export default () => { const r = new Response("once"); r.body.getReader(); return r }`,
      error: `export default () => Response.error()`,
      proxy: `export default () => new Proxy(new Response("x"), {})`,
      socket: `export default () => new Response(null, { status: 101, webSocket: new WebSocketPair()[0] })`,
      "can't-be-shown": `export default () => { throw { toString() { throw 1 } } }`,
      "throws-a-trap": `export default () => { throw Object.defineProperty(new Error("x"), "stack", { get() { throw new Error("y") } }) }`,
      "own-console": `console.error = () => { throw new Error("z") }; export default () => { throw new Error("behind it") }`,
      recurses: `const f = () => f() + 1; export default () => new Response(String(f()))`,
      timers: `export default () => { setInterval(() => {}, 1); return new Response("left a timer") }`,
      waits: `export default (r, c) => { c.waitUntil(Promise.reject(new Error("later"))); return new Response("ok") }`,
    });
  });

  test.each([
    ["throws", 500],
    ["at-load", 500],
    ["number", 500],
    ["nothing", 500],
    ["hangs", 500],
    ["imports", 500],
    ["recurses", 500],
  ])("%s: %d, and the others go on", async (name, status) => {
    const found = await get(at("wrong", `/${name}`));
    expect([found.status, found.headers.get("x-cloudify-error")]).toEqual([status, "function_failed"]);
    expect(((await found.json()) as { fix: string }).fix).toContain("log");
    expect((await get(at("wrong", "/timers"))).status).toBe(200);
    if (name !== "at-load" && name !== "nothing") return;
    for (let i = 0; i < 2; i++)
      expect(await (await get(at("wrong", `/${name}`))).json()).toMatchObject({
        detail: "The function's code can't be loaded.",
      });
  });

  test("whatever is thrown, it is said so, in the log as Node shows it", async () => {
    const all = [
      "throws-object",
      "throws-null",
      "throws-odd",
      "throws-a-trap",
      "throws-quietly",
      "own-console",
    ];
    for (const name of [...all, "can't-be-shown", "aborted", "exits"])
      expect(await (await get(at("wrong", `/${name}`))).json()).toMatchObject({
        detail: "The function threw an error.",
      });
    const said = async () => (await platform.cli("logs", "wrong.localhost")).stdout;
    await expect.poll(said).toContain("Thrown: { code: 7 }");
    await expect.poll(said).toContain("Thrown: [Object: null prototype] {}");
    await expect.poll(said).toContain("Thrown: something that can't be shown");
    await expect.poll(said).toContain("Error: unheard of\n");
    expect(await (await get(at("wrong", "/reports"))).text()).toBe("went on");
    await expect.poll(said).toContain("Uncaught RangeError: reported\n");
    await expect.poll(said).toContain("process.exit(3)");
    const aborted = "DOMException [AbortError]: The operation was aborted";
    await expect
      .poll(said)
      .toMatch(new RegExp(`why: ${escaped(aborted)}\\s+at default \\(index.js:1:\\d+\\) \\{ id: 7 \\}`));
    expect((await said()).split(aborted)).toHaveLength(3);
    expect(await said()).not.toContain("__cloudify");
  });

  test.each(["twice", "error", "proxy", "socket"])(
    "%s: a Response that can't be sent is told from code",
    async (name) => {
      for (const _ of ["cold", "warm"])
        expect(await (await get(at("wrong", `/${name}`))).json()).toMatchObject({
          code: "function_failed",
          detail: "The function's Response can't be sent.",
        });
    },
  );

  test("one that says that its process is full is not believed, cold or warm", async () => {
    const id = await project("full");
    const says = `export default () => new Response("x", { headers: { "x-cloudify-start": "cold x 9 memory full" } })`;
    await deployFunctions(platform.client, id, { says });
    for (let i = 0; i < 5; i++) {
      const found = await get(at("full", "/says"));
      expect([found.status, found.headers.get("x-cloudify-start")]).toEqual([200, null]);
    }
    expect(platform.output).not.toContain("makes room");
  });

  test("what they may do is done", async () => {
    expect((await get(at("wrong", "/waits"))).status).toBe(200);
    expect(await (await get(at("wrong", "/splits"))).text()).toMatch(/^refused/);
    for (const name of ["many", "larger", "locked"])
      for (const asked of [{}, { method: "POST", body: "x" }]) {
        const found = await get(at("wrong", `/${name}`), asked);
        const told = (await found.json()) as { code: string; detail: string };
        expect([told.code, told.detail]).toEqual(["function_failed", expect.stringMatching(/head/)]);
      }
  });

  test("their log says what happened, with the stack", async () => {
    const said = async () => (await platform.cli("logs", "wrong.localhost", "--json")).stdout;
    await expect.poll(said).toContain("Error: boom");
    await expect.poll(said).toContain("at load");
    await expect.poll(said).toContain("The handler returned 5, not a Response.");
    await expect.poll(said).toContain("waitUntil: Error: later");
    await expect.poll(said).toContain("behind it");
  });
});
