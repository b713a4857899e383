/** What goes wrong, and what the visitor, the log and the process make of it. */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import type { Readable } from "node:stream";
import { FUNCTION_HEADER, INGRESS_FAULT_HEADER } from "@cloudify/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { freePort } from "#tests/support/platform.ts";
import { type Answered, endAll, launch, nodeFunction, start } from "./start.ts";

afterEach(endAll);

const faultOf = ({ headers }: Answered): unknown => headers[INGRESS_FAULT_HEADER];

describe("an error", () => {
  test.each([
    ["thrown", "a.cjs", "module.exports = () => { throw new Error('boom') }"],
    ["of a promise", "a.cjs", "module.exports = async () => { await 1; throw new Error('boom') }"],
    ["of a web handler", "a.mjs", "export const GET = async () => { throw new Error('boom') }"],
    ["that is none", "a.mjs", "export const GET = async () => { throw 'boom' }"],
    ["when it is loaded", "a.mjs", "throw new Error('boom')"],
  ])("%s is answered 500, and found in the log by its id", async (_, path, code) => {
    const { ask, lines } = await start({ [path]: code, "b.cjs": "module.exports = () => {}" });
    const answer = await ask("a");
    expect([answer.status, faultOf(answer)]).toEqual([500, "threw"]);
    const { id, code: said, detail } = JSON.parse(answer.text);
    expect([said, detail.includes(id)]).toEqual(["function_failed", true]);
    expect(answer.text).not.toContain("boom");
    await expect
      .poll(() => lines.find(({ text }) => text.startsWith(id)))
      .toMatchObject({
        function: "a",
        level: "error",
        text: expect.stringContaining("boom"),
      });
  });

  test("in the middle of an answer ends the connection: half is not taken for a whole", async () => {
    const { open, line } = await start({
      "a.cjs": "module.exports = async (req, res) => { res.write('half'); await 1; throw new Error('boom') }",
      "b.mjs": `
        export const GET = () => new Response(new ReadableStream({
          start: (to) => to.enqueue(new Uint8Array(10)),
          pull: () => { throw new Error("bang") },
        }));`,
    });
    for (const name of ["a", "b"]) {
      const whole = open(name).then((res) => once(res.resume(), "end"));
      await expect(whole).rejects.toThrow(/aborted|hang up/);
    }
    await line("boom");
    await line("bang");
  });

  test("shows where it was in the source", async () => {
    const map = { version: 3, sources: ["original.ts"], names: [], mappings: "AAAA,MAAM,IAAI,KAAK,CAAC" };
    const url = `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString("base64")}`;
    const { ask, line } = await start({
      "a.cjs": `module.exports = () => { throw new Error("mapped") }\n//# sourceMappingURL=${url}`,
    });
    await ask("a");
    expect((await line("mapped")).text).toContain("original.ts:1");
  });
});

describe("what can't be called", () => {
  test.each([
    ["a module that is not there", {}, 'The function "a" has the handler a.cjs, which is not in its output.'],
    [
      "an export that is no function",
      { "a.cjs": "module.exports = { x: 1 }" },
      'The function "a" can\'t be called: a.cjs exports an object with x',
    ],
    ["a syntax error", { "a.cjs": "module.exports = (" }, "SyntaxError"],
    ["a dependency that is not there", { "a.cjs": "require('left-pad')" }, "Cannot find module 'left-pad'"],
    [
      "an answer that is none",
      { "a.cjs": "exports.GET = () => 'text'" },
      "The handler of GET returned string, not a Response.",
    ],
  ])("%s: the log says which, and why", async (_, files, text) => {
    const { ask, line } = await start(
      { "other.cjs": "module.exports = (req, res) => res.end('other')", ...files } as Record<string, string>,
      {
        a: nodeFunction("a.cjs"),
        other: nodeFunction("other.cjs"),
      },
    );
    const answer = await ask("a");
    expect([answer.status, faultOf(answer)]).toEqual([500, "threw"]);
    expect((await line(text)).function).toBe("a");
    expect((await ask("other")).text).toBe("other");
  });

  test("a name that the process does not have was never begun", async () => {
    const { ask } = await start({ "a.cjs": "module.exports = () => {}" });
    for (const name of ["b", "", "%"]) {
      const answer = await ask(name);
      expect([answer.status, faultOf(answer)]).toEqual([404, "absent"]);
    }
  });
});

describe("what can't be loaded", () => {
  const ending = async (files: Record<string, string>) => {
    const names = Object.keys(files).map((path) => [path.replace(/\.[^.]+$/, ""), nodeFunction(path)]);
    const { child } = launch(files, Object.fromEntries(names));
    let [ready, lines] = ["", ""];
    child.stdio[3]?.on("data", (chunk: Buffer) => {
      ready += chunk;
    });
    child.stdio[4]?.on("data", (chunk: Buffer) => {
      lines += chunk;
    });
    const [code] = (await once(child, "close")) as [number | null];
    const texts = lines.split("\n").filter((line) => line !== "");
    return { ready, code, last: (JSON.parse(texts.at(-1) ?? "{}") as { text: string }).text };
  };

  test("at all: the process was never ready, and ends with the first error for its last word", async () => {
    const { ready, code, last } = await ending({
      "a.mjs": "await new Promise((resolve) => setTimeout(resolve, 10)); throw new Error('no database')",
      "b.cjs": "module.exports = (",
    });
    expect([ready.includes("ready"), code]).toEqual([false, 1]);
    expect(last).toBe('None of its functions could be loaded: "a": Error: no database');
  });

  test("after more than 5 s, as long as nothing else is loaded, either", async () => {
    const { ready, code, last } = await ending({
      "a.mjs": "await new Promise((resolve) => setTimeout(resolve, 6000)); throw new Error('no database')",
    });
    expect([ready.includes("ready"), code]).toEqual([false, 1]);
    expect(last).toContain("no database");
  });

  test("is answered 500 to who has asked meanwhile, and then the process makes place for another", async () => {
    const slow =
      "console.log('loading'); await new Promise((r) => setTimeout(r, 1000)); throw new Error('boom')";
    const port = await freePort();
    const { child } = launch({ "a.mjs": slow }, { a: nodeFunction("a.mjs") }, { PORT: String(port) });
    const ended = once(child, "exit");
    await once(child.stdio[4] as Readable, "data");
    const req = request({ port, host: "127.0.0.1", headers: { [FUNCTION_HEADER]: "a" } }).end();
    const [res] = (await once(req, "response")) as [IncomingMessage];
    const [body] = (await once(res, "data")) as [Buffer];
    expect([res.statusCode, JSON.parse(body.toString()).id]).toEqual([500, expect.stringMatching(/^err_/)]);
    expect((await ended)[0]).toBe(1);
  });

  test("among what can leaves the process as it is: the others are served", async () => {
    const { ask, child } = await start({
      "a.mjs": "throw new Error('boom')",
      "b.cjs": "module.exports = (req, res) => res.end('b')",
    });
    for (let count = 0; count < 3; count++) {
      expect((await ask("a")).status).toBe(500);
      expect((await ask("b")).text).toBe("b");
    }
    expect(child.exitCode).toBeNull();
  });
});

describe("a limit of time", () => {
  const SLOW = {
    "a.cjs": `
      module.exports = (req, res) => {
        if (req.url === "/fast") return res.end("fast");
        if (req.url === "/stream") { res.write("begun"); return setTimeout(() => res.end(" ended"), 1500) }
        res.setHeader("x-late", "1");
        globalThis.release = () => {
          res.setHeader("x-later", "1").status;
          res.writeHead(201).write("late");
          res.end("answer", () => console.log("released"));
        };
        if (req.url === "/release") { release(); }
        res.on("close", () => { console.log("closed"); release() });
      }`,
    "b.mjs": "export const GET = () => new Promise(() => {})",
  };
  const functions = {
    a: nodeFunction("a.cjs", { maxDuration: 1 }),
    b: nodeFunction("b.mjs", { maxDuration: 1 }),
  };

  test("ends in 504; the late answer is dropped, and the process goes on", async () => {
    const { ask, line } = await start(SLOW, functions);
    const [late, web] = await Promise.all([ask("a"), ask("b")]);
    for (const answer of [late, web]) {
      expect([answer.status, faultOf(answer)]).toEqual([504, "timeout"]);
      expect(JSON.parse(answer.text).code).toBe("function_timeout");
    }
    expect(late.headers["x-late"]).toBeUndefined();
    await line("released");
    expect((await line("did not begin to answer within 1 s")).function).toBe("a");
    expect((await ask("a", { path: "/fast" })).text).toBe("fast");
  });

  test("is over with the first byte", async () => {
    const { ask } = await start(SLOW, functions);
    expect(await ask("a", { path: "/stream" })).toMatchObject({ status: 200, text: "begun ended" });
  });

  test("is shorter when the ingress says so", async () => {
    const { ask } = await start(SLOW, { b: nodeFunction("b.mjs", { maxDuration: 60 }) });
    expect((await ask("b", { headers: { "x-cloudify-timeout-ms": "200" } })).status).toBe(504);
  });
});

test("a function can't claim that it was never asked", async () => {
  const said = JSON.stringify(INGRESS_FAULT_HEADER.toUpperCase());
  const { ask } = await start({
    "a.cjs": `
      module.exports = (req, res) => {
        const heads = { "/object": { [${said}]: "absent", a: 1 }, "/flat": ["a", "1", ${said}, "absent"], "/pairs": [["a", "1"], [${said}, "absent"]] };
        res.setHeader(${said}, "absent");
        if (heads[req.url]) res.writeHead(200, "Fine", heads[req.url]);
        res.end("mine");
      }`,
  });
  for (const path of ["/", "/object", "/flat", "/pairs"]) {
    const answer = await ask("a", { path });
    expect([answer.status, faultOf(answer), answer.text]).toEqual([200, undefined, "mine"]);
    if (path !== "/") expect([answer.headers.a, answer.message]).toEqual(["1", "Fine"]);
  }
});

test("heads are taken in every form that Node takes, lists of values too", async () => {
  const { ask } = await start({
    "a.cjs": `
      module.exports = (req, res) => {
        const cookies = ["set-cookie", ["a=1", "b=2"]];
        res.writeHead(200, req.url === "/flat" ? [...cookies, "x-y", "z"] : [cookies, ["x-y", "z"]]).end();
      }`,
  });
  for (const path of ["/flat", "/pairs"]) {
    const { status, headers } = await ask("a", { path });
    expect([status, headers["set-cookie"], headers["x-y"]]).toEqual([200, ["a=1", "b=2"], "z"]);
  }
});

describe("an error that nobody catches", () => {
  test("is answered 500; what else is under way ends, then the process does", async () => {
    const { ask, child, line } = await start({
      "a.cjs": `
        let release;
        module.exports = (req, res) => {
          if (req.url === "/other") { console.log("waiting"); release = () => res.end("other"); return }
          setTimeout(() => { setTimeout(() => release()); throw new Error("uncaught") });
        }`,
    });
    const ended = once(child, "exit");
    const other = ask("a", { path: "/other" });
    await line("waiting");
    const answer = await ask("a");
    expect([answer.status, faultOf(answer)]).toEqual([500, "threw"]);
    expect((await other).text).toBe("other");
    expect((await line("Error: uncaught")).function).toBe("a");
    expect((await ended)[0]).toBe(1);
  });

  test("of a promise is logged, and the process goes on", async () => {
    const { ask, line } = await start({
      "a.cjs":
        "module.exports = (req, res) => { Promise.reject(new Error('left alone')); res.end('answered') }",
    });
    expect((await ask("a")).text).toBe("answered");
    expect(await line("left alone")).toMatchObject({ function: "a", level: "error" });
    expect((await ask("a")).text).toBe("answered");
  });

  test("is the module's affair if it listens for them", async () => {
    const { ask } = await start({
      "a.cjs": `
        process.on("uncaughtException", (error) => console.log("mine: " + error.message));
        module.exports = (req, res) => req.url === "/" ? setTimeout(() => { throw new Error("x") }) : res.end("alive");`,
    });
    expect((await ask("a")).status).toBe(500);
    expect((await ask("a", { path: "/again" })).text).toBe("alive");
  });
});

test("process.exit() ends the process with that code, and what it printed before is not lost", async () => {
  const { port, child, line } = await start({
    "a.cjs": "module.exports = () => { console.log('the last words'); process.exit(7) }",
  });
  const ended = once(child, "exit");
  const req = request({ port, host: "127.0.0.1", headers: { [FUNCTION_HEADER]: "a" } });
  req.end();
  await expect(once(req, "response")).rejects.toThrow("socket hang up");
  expect((await ended)[0]).toBe(7);
  await line("the last words");
});

test("a workload that one process can't run is refused at the start, with the reason", async () => {
  const { child, errors } = launch({}, { a: nodeFunction("a.js"), b: nodeFunction("b.js", { cwd: "b" }) });
  expect((await once(child, "exit"))[0]).toBe(1);
  expect(errors()).toContain('"b" works in b, and "a" in .: put them into different groups.');
});
