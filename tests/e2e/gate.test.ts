/** The one door of a platform on one machine: who it obeys, and when it is open. */
import { existsSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployFunctions } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform, until } from "#tests/support/platform.ts";

const platform = new TestPlatform();
const LARGE = 11_000_000;
let deployment: string;

beforeAll(async () => {
  await platform.start();
  const told = "export default (request) => Response.json(Object.fromEntries(request.headers));";
  const slow = `export default async () => { await new Promise((resolve) => setTimeout(resolve, 1_000)); console.log("its last line"); return new Response("late"); }`;
  const streams = `export default () => new Response(new ReadableStream({ async start(c) {
    for (let i = 0; i < 8; i++) { c.enqueue(new TextEncoder().encode(String(i))); await new Promise((resolve) => setTimeout(resolve, 150)); } c.close(); } }))`;
  const files = { "large.bin": "x".repeat(LARGE), "a.txt": "a" };
  await platform.newProject("gate");
  deployment = (await deployFunctions(platform.client, "gate", { told, slow, streams }, {}, files)).id;
}, 120_000);
afterAll(() => platform.remove());

/** Writes bytes to the port. @returns What came until the other side closed, or for so long. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(platform.port, "127.0.0.1", () => socket.write(bytes));
    let said = "";
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      said += chunk.toString("latin1");
    });
    socket.on("error", () => undefined).once("close", () => resolve(said));
  });
}

test("nobody can say of oneself who one is, or ask for the runtime's own protocol", async () => {
  const headers = {
    "mf-cf-blob": '{"clientIp":"1.2.3.4:5","country":"XX"}',
    "cf-connecting-ip": "1.2.3.4",
    "x-forwarded-for": "1.2.3.4",
  };
  const told = (await (await get(platform.at("gate", "/told"), { headers })).json()) as Record<
    string,
    string
  >;
  expect(told).toMatchObject({ "x-real-ip": "127.0.0.1", "x-forwarded-for": "127.0.0.1" });
  expect(JSON.stringify(told)).not.toMatch(/1\.2\.3\.4|XX/);
  // Miniflare's own sockets speak it to whoever asks for this host.
  const host = "miniflare-unsafe-internal-capnp-connect";
  expect(await raw(`CONNECT ${host} HTTP/1.1\r\nhost: ${host}\r\n\r\n`)).not.toMatch(/^HTTP\/1\.1 2/);
});

test("a body that breaks off is the fault of whoever sent it, and nothing that the API logs", async () => {
  const head = `host: localhost:${platform.port}\r\nauthorization: Bearer ${platform.token}\r\ncontent-type: application/json`;
  const bytes = `POST /api/projects HTTP/1.1\r\n${head}\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"nam\r\nno number\r\n`;
  const said = await raw(bytes);
  expect(said).toMatch(/^HTTP\/1\.1 400 /);
  expect(said).toContain('"code":"bad_request"');
  expect(platform.output).not.toContain('"at":"api"');
});

/** The platform's own process, as its home tells. */
const processOf = (home: string): number => {
  const { children } = JSON.parse(readFileSync(join(home, "lock.json"), "utf8")) as {
    children: { pid: number }[];
  };
  const pid = children.map((child) => child.pid).findLast(isPlatform);
  if (pid === undefined) throw new Error("it is not there");
  return pid;
};
const isPlatform = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("config.capnp");

test("a platform's process that is killed is replaced, and the one in its place ends with the start script", async () => {
  const first = processOf(platform.home);
  process.kill(first, "SIGKILL");
  const isBack = async () => (await get(platform.at("gate", "/told")).catch(() => null))?.status === 200;
  await until(isBack, 20_000);
  const second = await until(async () => {
    const pid = processOf(platform.home);
    return pid !== first && pid;
  });
  expect(platform.output).toContain("was started again");
  expect(await (await get(platform.at("gate", "/a.txt"))).text()).toBe("a");
  await platform.killScript();
  await until(async () => !existsSync(`/proc/${second}`));
  await platform.start();
}, 60_000);

test("while it starts, visitors are told to come again, and nothing else", async () => {
  await platform.stop();
  const seen = new Set<number | string>();
  let isReady = false;
  const asking = (async () => {
    while (!isReady) seen.add(await get(platform.at("gate", "/a.txt")).then(({ status }) => status, String));
  })();
  const before = platform.start().then(() => get(platform.at("gate", "/a.txt")));
  expect((await before).status).toBe(200);
  isReady = true;
  await asking;
  const others = [...seen].filter((one) => typeof one === "number" && one !== 503 && one !== 200);
  expect(others).toEqual([]);
}, 60_000);

test("when it stops, those who are inside get all of their answer, and what functions wrote is kept", async () => {
  const late = get(platform.at("gate", "/slow"));
  const stream = await get(platform.at("gate", "/streams"));
  const large = await unread(platform.at("gate", "/large.bin"));
  const stopped = platform.stop();
  // Nobody is let in any more: what is read of the file now was under way when it closed.
  await until(async () => {
    const found = await get(platform.at("gate", "/a.txt")).catch(() => null);
    return found === null || found.status === 503;
  });
  expect([(await late).status, await (await late).text()]).toEqual([200, "late"]);
  expect(await stream.text()).toBe("01234567");
  expect(await large()).toBe(LARGE);
  expect(await stopped).toBe(0);
  await platform.start();
  const { code, stdout } = await platform.cli("logs", deployment);
  expect(code).toBe(0);
  expect(stdout).toContain("its last line");
}, 60_000);

test("a stop waits for nobody who has left", async () => {
  const host = `gate.localhost:${platform.port}`;
  const socket = connect(platform.port, "127.0.0.1");
  socket.write(`GET /slow HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  // Whoever came later has been answered: it is inside.
  await get(platform.at("gate", "/a.txt"));
  socket.resetAndDestroy();
  const from = Date.now();
  expect(await platform.stop()).toBe(0);
  expect(Date.now() - from).toBeLessThan(3_000);
  await platform.start();
}, 60_000);

test("a process that hangs is ended too", async () => {
  // By then cron has been called for the first time, which Miniflare does without a limit of time.
  await platform.cli("whoami");
  process.kill(processOf(platform.home), "SIGSTOP");
  expect(await platform.stop()).toBe(0);
  await platform.start();
}, 60_000);

/** Asks for a file, and reads nothing of it yet. @returns Reads it; how many bytes came. */
function unread(address: string): Promise<() => Promise<number>> {
  const { host, port, pathname } = new URL(address);
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path: pathname, headers: { host } }, (found) => {
      resolve(async () => {
        let bytes = 0;
        for await (const chunk of found) bytes += (chunk as Buffer).length;
        return bytes;
      });
    });
    asked.once("error", reject).end();
  });
}
