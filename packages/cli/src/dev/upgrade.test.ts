import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerOptions } from "node:http";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "vitest";
import type { Fault } from "./fault.ts";
import { Front } from "./front.ts";
import { listen } from "./listen.ts";
import { Asked } from "./upgrade.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const H2C = { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "AAMAAABkAAQ" };
const WEBSOCKET = {
  connection: "keep-alive, Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** A server behind the door. @returns Its port, and what it was asked, one line for each request. */
async function behind(server: Server): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  server.prependListener("request", ({ method, url }) => asked.push(`${method} ${url}`));
  // One without a listener answers a request for a socket as any other; this must not become one.
  if (server.listenerCount("upgrade") > 0)
    server.prependListener("upgrade", ({ url }) => asked.push(`socket ${url}`));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stops.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as { port: number }).port, asked };
}

/** @returns The port of the door. */
async function door(platform: number, server: number | null = null, fault: Fault | null = null) {
  const front = new Front({
    platform: () => platform,
    server: () => (server === null ? null : { host: "127.0.0.1", port: server }),
    onServed: () => undefined,
    explain: async () => null,
  });
  front.release(fault);
  const { port, close } = await listen(front, 0);
  stops.push(close);
  return port;
}

type Found = { answer: IncomingMessage; socket: Duplex | null };
function ask(port: number, headers: Record<string, string>, method = "GET", body = ""): Promise<Found> {
  const asked = request({ host: "127.0.0.1", port, path: "/a", method, headers });
  const found = new Promise<Found>((resolve, reject) => {
    asked.once("upgrade", (answer, socket) => resolve({ answer, socket }));
    asked.once("response", (answer) => resolve({ answer, socket: null }));
    asked.once("error", reject);
  });
  asked.end(body);
  return found;
}

const mirror = (options: ServerOptions = {}) =>
  createServer(options, async (req, res) => {
    const told = { method: req.method, headers: Object.keys(req.headers), body: await text(req) };
    res.writeHead(203, { "x-own": "1" }).end(JSON.stringify(told));
  });

describe("an offer of another protocol than WebSocket", () => {
  test.each([
    ["GET", H2C, ""],
    ["POST", { ...H2C, "content-length": "4" }, "body"],
    ["PUT", { ...H2C, "transfer-encoding": "chunked" }, "body"],
    ["POST", { ...WEBSOCKET, "content-length": "4" }, "body"],
  ])("is ignored, and the request is answered: %s %j", async (method, headers, body) => {
    const { port } = await behind(mirror());
    const { answer } = await ask(await door(port), headers, method, body);
    expect([answer.statusCode, answer.headers["x-own"]]).toEqual([203, "1"]);
    const told = JSON.parse(await text(answer)) as { method: string; headers: string[]; body: string };
    expect(told).toMatchObject({ method, body });
    expect(told.headers).not.toContain("upgrade");
    expect(told.headers).not.toContain("http2-settings");
  });

  test("is ignored by a Node without the option for it, too", async () => {
    const server = mirror({ IncomingMessage: Asked }).on("upgrade", (_, socket) =>
      socket.end("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"),
    );
    const { port } = await behind(server);
    const { answer } = await ask(port, { ...H2C, "content-length": "4" }, "POST", "body");
    expect(JSON.parse(await text(answer))).toMatchObject({ method: "POST", body: "body" });
    const { socket } = await ask(port, WEBSOCKET);
    expect(socket).not.toBeNull();
    socket?.destroy();
  });
});

describe("a WebSocket that is refused", () => {
  const refusing = (status: number, headers: Record<string, string>, body: string) =>
    createServer((_, res) => void res.writeHead(status, headers).end(body));

  test.each([
    [401, { "www-authenticate": "Basic" }, "who are you?"],
    [307, { location: "https://example.com/" }, ""],
    [426, { "content-length": "7", upgrade: "websocket" }, "upgrade"],
    [403, {}, "no ".repeat(500_000)],
  ])("is told so with the answer's own headers and body: %i %j", async (status, headers, body) => {
    const platform = await behind(refusing(status, headers, body));
    const { answer } = await ask(await door(platform.port), WEBSOCKET);
    expect(answer.statusCode).toBe(status);
    expect(answer.headers).toMatchObject(headers);
    expect(await text(answer)).toBe(body);
    expect(platform.asked).toEqual(["GET /a"]);
  });

  test("by all is told so by the last, and each is asked once", async () => {
    const platform = await behind(refusing(404, {}, "not here"));
    const own = createServer().on("upgrade", (_, socket) =>
      socket.end("HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic\r\n\r\nwho are you?"),
    );
    const server = await behind(own);
    const { answer } = await ask(await door(platform.port, server.port), WEBSOCKET);
    expect([answer.statusCode, answer.headers["www-authenticate"]]).toEqual([401, "Basic"]);
    expect(await text(answer)).toBe("who are you?");
    expect([platform.asked, server.asked]).toEqual([["GET /a"], ["socket /a"]]);
  });

  test("by the one and not answered by the other is told so by the one", async () => {
    const platform = await behind(refusing(401, {}, "who are you?"));
    const server = await behind(createServer().on("upgrade", (_, socket) => socket.destroy()));
    const { answer } = await ask(await door(platform.port, server.port), WEBSOCKET);
    expect([answer.statusCode, await text(answer)]).toEqual([401, "who are you?"]);
    expect(platform.asked).toEqual(["GET /a"]);
  });

  test("by the one is taken by the other", async () => {
    const platform = await behind(refusing(401, {}, "who are you?"));
    const own = createServer().on("upgrade", (_, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
      socket.pipe(socket);
    });
    const server = await behind(own);
    const { socket } = await ask(await door(platform.port, server.port), WEBSOCKET);
    socket?.write("this");
    expect(String((await once(socket as Duplex, "data"))[0])).toBe("this");
    socket?.destroy();
  });

  test("while something is wrong is answered with that", async () => {
    const fault = {
      code: "bundle_failed",
      title: "",
      detail: "",
      fix: "",
      place: null,
      excerpt: "",
      callers: [],
    };
    const platform = await behind(refusing(404, {}, "not here"));
    const { answer } = await ask(await door(platform.port, null, fault), WEBSOCKET);
    expect(answer.statusCode).toBe(500);
    expect(JSON.parse(await text(answer))).toMatchObject({ code: "bundle_failed" });
    expect(platform.asked).toEqual([]);
  });
});
