/** Bodies that flow while both sides are at work, and connections that end before they should. */
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { FUNCTION_HEADER } from "@cloudify/protocol";
import { afterEach, expect, test } from "vitest";
import { endAll, start } from "./start.ts";

afterEach(endAll);

/** The second part of each answer is written once the request has brought its own second part. */
const ECHO = {
  "plain.cjs": `
    module.exports = (req, res) => {
      res.writeHead(200);
      req.on("data", (chunk) => res.write("got " + chunk)).on("end", () => res.end(" end"));
    }`,
  "web.mjs": `
    export async function POST(request) {
      const text = request.body.pipeThrough(new TextDecoderStream());
      const answer = new TransformStream({
        transform: (chunk, to) => to.enqueue("got " + chunk),
        flush: (to) => to.enqueue(" end"),
      });
      return new Response(text.pipeThrough(answer).pipeThrough(new TextEncoderStream()));
    }`,
};

test.each(["plain", "web"])("both directions stream at once: %s", async (name) => {
  const { port } = await start(ECHO);
  const req = request({ port, host: "127.0.0.1", method: "POST", headers: { [FUNCTION_HEADER]: name } });
  req.write("one");
  const [res] = await once(req, "response");
  const parts = res[Symbol.asyncIterator]();
  expect(String((await parts.next()).value)).toBe("got one");
  req.write("two");
  expect(String((await parts.next()).value)).toBe("got two");
  req.end();
  expect(String((await parts.next()).value)).toBe(" end");
  expect((await parts.next()).done).toBe(true);
});

test("large bodies arrive whole, either way", async () => {
  const { ask } = await start({
    "plain.cjs": "module.exports = (req, res) => req.pipe(res)",
    "web.mjs": "export const POST = (request) => new Response(request.body)",
  });
  const body = Buffer.alloc(32 * 1024 * 1024, "0123456789abcdef-");
  for (const name of ["plain", "web"]) {
    const { bytes } = await ask(name, { method: "POST", body });
    expect(bytes.equals(body)).toBe(true);
  }
});

test("a producer waits for its reader", async () => {
  const { open, line, ask } = await start({
    "web.mjs": `
      let made = 0;
      export function GET(request) {
        if (request.url.endsWith("/made")) return new Response(String(made));
        const pull = (to) => to.enqueue(new Uint8Array(1024 * 1024).fill(++made));
        return new Response(new ReadableStream({ pull, cancel: () => console.log("cancelled") }));
      }`,
  });
  const res = await open("web");
  let before = 0;
  const isStill = async (): Promise<boolean> => {
    const made = Number((await ask("web", { path: "/made" })).text);
    const isSame = made > 0 && made === before;
    before = made;
    return isSame;
  };
  await expect.poll(isStill, { interval: 200 }).toBe(true);
  // What the sockets hold.
  expect(before).toBeLessThan(64);
  res.destroy();
  await line("cancelled");
});

test("a function learns that its visitor has gone", async () => {
  const { open, line, lines, ask, port } = await start({
    "plain.cjs": `
      module.exports = (req, res) => {
        if (req.url === "/next") return res.end("next");
        res.write("first");
        res.on("close", () => console.log("closed " + res.writableFinished));
      }`,
    "web.mjs": `
      export function GET(request) {
        request.signal.addEventListener("abort", () => console.log("aborted"));
        return new Response(new ReadableStream({ start: (to) => to.enqueue(new TextEncoder().encode("first")) }));
      }`,
    "waiting.mjs": `
      export const GET = (request) => new Promise((_, reject) => {
        console.log("waiting");
        request.signal.addEventListener("abort", () => {
          reject(request.signal.reason);
          console.log("let go");
        });
      })`,
  });
  for (const [name, text] of [
    ["plain", "closed false"],
    ["web", "aborted"],
  ] as const) {
    const res = await open(name);
    await once(res, "data");
    res.destroy();
    await line(text);
  }
  const waiting = request({ port, host: "127.0.0.1", headers: { [FUNCTION_HEADER]: "waiting" } });
  waiting.on("error", () => {}).end();
  await line("waiting");
  waiting.destroy();
  await line("let go");
  // It was let go by what the visitor did: that is no error of the function.
  expect(lines.filter(({ level }) => level === "error")).toEqual([]);
  expect((await ask("plain", { path: "/next" })).text).toBe("next");
});

test("whoever asks before sending is told to go on", async () => {
  const { port } = await start({ "a.cjs": "module.exports = (req, res) => req.pipe(res)" });
  const headers = { [FUNCTION_HEADER]: "a", expect: "100-continue", "content-length": "4" };
  const req = request({ port, host: "127.0.0.1", method: "POST", headers });
  req.flushHeaders();
  await once(req, "continue");
  req.end("body");
  const [res] = await once(req, "response");
  expect(String(await once(res, "data"))).toBe("body");
});

const UPGRADE = `GET /chat HTTP/1.1\r\nhost: a\r\n${FUNCTION_HEADER}: ws\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`;

test("an upgrade goes to the module's own server, in both directions", async () => {
  const { port, line } = await start({
    "ws.cjs": `
      const server = require("http").createServer((req, res) => res.end("plain"));
      server.on("upgrade", (req, socket) => {
        console.log("upgraded " + req.url);
        socket.write("HTTP/1.1 101 Switching Protocols\\r\\nconnection: upgrade\\r\\nupgrade: websocket\\r\\n\\r\\n");
        socket.on("data", (chunk) => socket.write("echo " + chunk));
      });
      server.listen(3000);`,
  });
  const socket = connect(port, "127.0.0.1");
  socket.write(UPGRADE);
  expect(String(await once(socket, "data"))).toContain("101 Switching");
  expect((await line("upgraded /chat")).function).toBe("ws");
  socket.write("ping");
  expect(String(await once(socket, "data"))).toBe("echo ping");
  socket.destroy();
});

test("a function that takes no upgrades answers as to any request", async () => {
  const { port } = await start({ "ws.cjs": "module.exports = (req, res) => res.end('plain ' + req.url)" });
  const socket = connect(port, "127.0.0.1");
  socket.write(UPGRADE);
  let text = "";
  for await (const chunk of socket) text += chunk;
  expect(text).toContain("200 OK");
  expect(text).toContain("plain /chat");
});
