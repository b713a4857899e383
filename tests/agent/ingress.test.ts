import { connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { answering, type Region, startRegion } from "#tests/support/region.ts";
import { systemClock } from "../../packages/agent/clock.ts";

let region: Region;
beforeEach(async () => {
  region = await startRegion({ drainMs: 2_000 });
});
afterEach(() => region.stop());

const faultOf = (answer: Response) => answer.headers.get("x-cloudify-ingress-fault");

const echo = `import { createServer } from "node:http";
createServer(async (req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  res.setHeader("x-cloudify-ingress-fault", "absent");
  res.setHeader("x-cloudify-cold", "cold 0");
  res.end(JSON.stringify({ method: req.method, url: req.url, headers: req.headers, body: Buffer.concat(chunks).toString() }));
}).listen(process.env.PORT);`;

test("without the key there is nothing but the health path", async () => {
  await region.apply(region.service(answering("here")));
  const origin = region.driver.ingress;
  expect((await fetch(`${origin}/_cloudify/health`)).status).toBe(200);
  for (const headers of [{}, { "x-cloudify-ingress-key": "guess" }]) {
    const answer = await fetch(region.url("/"), { headers });
    // What no function has answered says so: the edge then asks another region, and shows no page of nobody's.
    expect([answer.status, faultOf(answer)]).toEqual([404, "denied"]);
    expect(await answer.text()).not.toContain("here");
  }
  expect(await (await region.ask("/")).text()).toBe("here");
});

test("a new key is taken at once, and the former beside it for five minutes, also when nobody asks meanwhile", async () => {
  await region.stop();
  let later = 0;
  const real = systemClock();
  const clock = { ...real, monotonic: () => real.monotonic() + later };
  region = await startRegion({ drainMs: 2_000, clock });
  await region.apply(region.service(answering("here")));
  const statusWith = async (key: string) =>
    (await region.ask("/", { headers: { "x-cloudify-ingress-key": key } })).status;
  const former = "the key of this region";
  expect([await statusWith(former), await statusWith("next")]).toEqual([200, 404]);
  region.exchangeKey("next");
  expect([await statusWith(former), await statusWith("next")]).toEqual([200, 200]);
  later = 5 * 60_000;
  expect([await statusWith(former), await statusWith("next")]).toEqual([404, 200]);
});

test("a workload sees the request as it was sent, without what is the ingress's own", async () => {
  await region.apply(region.service(echo));
  const answer = await region.ask("/a%2Fb//c?x=1&x=2", { method: "POST", body: "bytes" });
  const seen = (await answer.json()) as { url: string; headers: Record<string, string> };
  expect(seen).toMatchObject({ method: "POST", url: "/a%2Fb//c?x=1&x=2", body: "bytes" });
  expect(seen.headers).not.toHaveProperty("x-cloudify-ingress-key");
  expect(faultOf(answer)).toBeNull();
  expect(answer.headers.get("x-cloudify-cold")).toMatch(/^cold [1-9]\d*$|^null$/);
  expect((await region.ask("/")).headers.get("x-cloudify-cold")).toBeNull();
});

test("what a workload answers is told from what others say in its place", async () => {
  await region.apply(region.service(echo));
  const marked = (answer: Response) => answer.headers.get("x-cloudify-ingress");
  expect(marked(await region.ask("/"))).toBe("1");
  expect(marked(await region.ask("/", {}, "other"))).toBeNull();
  expect(marked(await fetch(region.url("/")))).toBeNull();
});

test("what this region does not run is absent, and nothing was asked of anybody", async () => {
  const answer = await region.ask("/", {}, "other");
  expect([answer.status, faultOf(answer)]).toEqual([503, "absent"]);
});

test("a request to what sleeps starts it, once for all that wait", async () => {
  const counting = answering("up", `console.log("started");`);
  await region.apply(region.service(counting, { isWarm: false }));
  expect(region.said()).toMatchObject({ ready: "true", reason: "Idle" });
  const answers = await Promise.all(Array.from({ length: 20 }, () => region.ask("/")));
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
  expect(answers[0]?.headers.get("x-cloudify-cold")).toMatch(/^cold \d+$/);
  expect(region.lines.filter(({ text }) => text === "started")).toHaveLength(1);
});

test("an answer streams: its first part is there before its last is made", async () => {
  await region.apply(
    region.service(`import { createServer } from "node:http";
    let finish;
    createServer((req, res) => {
      if (req.url === "/finish") { finish("second"); return res.end(); }
      res.write("first"); finish = (text) => res.end(text);
    }).listen(process.env.PORT);`),
  );
  const body = (await region.ask("/stream")).body?.pipeThrough(new TextDecoderStream()).getReader();
  expect((await body?.read())?.value).toBe("first");
  await region.ask("/finish");
  expect((await body?.read())?.value).toBe("second");
});

test("no first byte in time is a timeout; a stream may take longer than that", async () => {
  await region.apply(
    region.service(`import { createServer } from "node:http";
    createServer((req, res) => {
      if (req.url === "/never") return;
      res.write("a"); setTimeout(() => res.end("b"), 700);
    }).listen(process.env.PORT);`),
  );
  await expect.poll(() => region.said()?.ready).toBe("true");
  const headers = { "x-cloudify-timeout-ms": "400" };
  const late = await region.ask("/never", { headers });
  expect([late.status, faultOf(late)]).toEqual([504, "timeout"]);
  expect(await (await region.ask("/slow", { headers })).text()).toBe("ab");
});

test("one that ends before it answers has crashed; one that ends inside of its answer cuts it off", async () => {
  await region.apply(
    region.service(`import { createServer } from "node:http";
    createServer((req, res) => {
      if (req.url === "/begin") { res.write("half"); setTimeout(() => process.exit(3), 50); }
      else if (req.url === "/exit") process.exit(3);
      else res.end("well");
    }).listen(process.env.PORT);`),
  );
  await expect.poll(() => region.said()?.ready).toBe("true");
  const crashed = await region.ask("/exit", { method: "POST" });
  expect([crashed.status, faultOf(crashed)]).toEqual([502, "crashed"]);
  // The first crash is repaired at once.
  expect(await (await region.ask("/")).text()).toBe("well");
  const cut = await region.ask("/begin");
  expect(cut.status).toBe(200);
  await expect(cut.text()).rejects.toThrow();
});

test("what meets a process that another request has broken, and that ends, is asked of the next one", async () => {
  // It takes one more connection before it ends, as a process may that is just going down.
  await region.apply(
    region.service(`import { createServer } from "node:http";
    let isBroken = false;
    createServer((req, res) => {
      if (req.url !== "/break") return res.end("well");
      isBroken = true;
      req.socket.destroy();
    }).on("connection", () => isBroken && process.exit(3)).listen(process.env.PORT);`),
  );
  await expect.poll(() => region.said()?.ready).toBe("true");
  expect(faultOf(await region.ask("/break", { method: "POST" }))).toBe("crashed");
  expect(await (await region.ask("/")).text()).toBe("well");
  // What may not be asked twice is not, whoever broke it.
  expect(faultOf(await region.ask("/break", { method: "POST" }))).toBe("crashed");
  expect(faultOf(await region.ask("/", { method: "POST", body: "bytes" }))).toBe("crashed");
});

test("a client that leaves is seen by the workload", async () => {
  await region.apply(
    region.service(`import { createServer } from "node:http";
    createServer((req, res) => { res.write("x"); res.on("close", () => console.log("left")); }).listen(process.env.PORT);`),
  );
  const leaving = new AbortController();
  await region.ask("/", { signal: leaving.signal });
  leaving.abort();
  await expect.poll(() => region.lines.map(({ text }) => text)).toContain("left");
});

test("a connection that becomes a WebSocket is handed through, both ways", async () => {
  await region.apply(
    region.service(`import { createServer } from "node:http";
    createServer().on("upgrade", (req, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: " + req.headers.upgrade + "\\r\\n\\r\\n");
      socket.on("data", (bytes) => socket.write("echo " + bytes));
    }).listen(process.env.PORT);`),
  );
  const { hostname, port, pathname } = new URL(region.url("/socket"));
  const socket = connect(Number(port), hostname);
  let received = "";
  socket.on("data", (bytes) => {
    received += bytes;
  });
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Cloudify-Ingress-Key: the key of this region\r\n\r\n`,
  );
  await expect.poll(() => received).toContain("101 Switching Protocols");
  expect(received).toContain("x-cloudify-ingress: 1");
  socket.write("hello");
  await expect.poll(() => received).toContain("echo hello");
  socket.destroy();
});
