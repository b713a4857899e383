// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are programs, and the placeholders theirs
/** Attempts to get out of an isolate: each runs as a function of its own beside a victim, and must end as it says here. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployFunctions } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";

const platform = new TestPlatform();
const CANARY = "canary-5f1d8c0e-of-the-victim";
const at = (name: string, path: string) => `http://${name}.localhost:${platform.port}${path}`;

const REFUSED = /^(?:refused|undefined|null|false|none|\[\]|\{\})/;
const fetched = (address: string, init = "{}") =>
  `const r = await fetch(${address}, ${init}); return r.status + " " + (await r.text()).slice(0, 300)`;

type Attempt = [name: string, code: string, ends: RegExp];

const ATTEMPTS: Attempt[] = [
  // Other isolates' memory.
  ["globals of a neighbour", "return globalThis.victim", REFUSED],
  ["a prototype of a neighbour", "return ({}).polluted", REFUSED],
  [
    "globals by Function's realm",
    'return (() => {}).constructor("return this.victim")()',
    /^refused: EvalError/,
  ],
  ["eval", 'return eval("globalThis.victim")', /^refused: EvalError/],
  ["new Function", 'return new Function("return 1")()', /^refused: EvalError/],
  ["timers with text", 'setTimeout("globalThis.hit = 1", 0); return globalThis.hit', REFUSED],
  [
    "WebAssembly from bytes",
    "return await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))",
    /^refused/,
  ],
  [
    "a shared buffer",
    "return typeof SharedArrayBuffer === 'function' ? new Worker('x') : undefined",
    /^(?:refused|undefined)/,
  ],
  ["symbols shared by all", 'return globalThis[Symbol.for("victim")]', REFUSED],
  // Environments and bindings.
  ["the environment of a neighbour", "return JSON.stringify(process.env)", /^(?!.*canary)/s],
  [
    "bindings of the platform",
    'const { env } = await import("cloudflare:workers"); return JSON.stringify(env)',
    /^(?!.*(?:LOADER|INTERNAL|PLATFORM|canary))/s,
  ],
  [
    "exports of the platform",
    'const { exports } = await import("cloudflare:workers"); return Object.keys(exports ?? {}).join()',
    /^(?!.*(?:Outbound|Tail))/,
  ],
  [
    "a binding in the second argument",
    "return JSON.stringify(Object.keys(context))",
    /^(?!.*(?:LOADER|PLATFORM))/,
  ],
  ["the parent's process", "return process.ppid + ' ' + process.mainModule", /^(?!.*isolates)/],
  ["a native binding", "return process.binding('fs')", /^refused/],
  ["loading a shared object", "return process.dlopen({}, '/lib/x86_64-linux-gnu/libc.so.6')", /^refused/],
  [
    "a child process",
    'const { execSync } = await import("node:child_process"); return execSync("id")',
    /^refused/,
  ],
  [
    "a thread",
    'const { Worker } = await import("node:worker_threads"); return new Worker("1", { eval: true })',
    /^refused/,
  ],
  ["vm", 'const vm = await import("node:vm"); return vm.runInThisContext("1")', /^refused/],
  [
    "the inspector",
    'const { Session } = await import("node:inspector"); const s = new Session(); s.connect(); return "in"',
    /^refused/,
  ],
  [
    "require of a module of the platform",
    'const { createRequire } = await import("node:module"); return createRequire("/")("fs").readFileSync("/etc/passwd", "utf8")',
    /^refused/,
  ],
  ["an internal module", 'return await import("cloudflare-internal:workers")', /^refused/],
  ["an internal module of node", 'return await import("node-internal:process")', /^refused/],
  ["a module outside the bundle", 'return await import("../../../etc/passwd")', /^refused/],
  [
    "a module of our own",
    'const m = await import("./__cloudify/prelude.js"); return Object.keys(m.requests.getStore() ?? {}).join()',
    /^(?:hops,context|refused)/,
  ],
  ["a module by URL", 'return await import("https://example.com/x.js")', /^refused/],
  ["a module by data URL", 'return await import("data:text/javascript,export default 1")', /^refused/],
  // Files.
  [
    "/etc/passwd",
    'const fs = await import("node:fs"); return fs.readFileSync("/etc/passwd", "utf8")',
    /^refused/,
  ],
  [
    "the home of the platform",
    'const fs = await import("node:fs"); return fs.readdirSync("/").join()',
    /^(?!.*(?:etc|home|root))/,
  ],
  ["a file URL", fetched('"file:///etc/passwd"'), /^refused/],
  [
    "/proc of the process",
    'const fs = await import("node:fs"); return fs.readFileSync("/proc/self/environ", "utf8")',
    /^refused/,
  ],
  // The network.
  ["loopback", fetched("`http://127.0.0.1:${port}/api/health`"), /^refused/],
  ["loopback by name", fetched("`http://localhost:${port}/api/health`"), /^refused/],
  ["loopback in IPv6", fetched("`http://[::1]:${port}/api/health`"), /^refused/],
  ["loopback in IPv4-mapped IPv6", fetched("`http://[::ffff:127.0.0.1]:${port}/`"), /^refused/],
  ["loopback as a number", fetched("`http://2130706433:${port}/`"), /^refused/],
  ["loopback, short", fetched("`http://127.1:${port}/`"), /^refused/],
  ["the address of everything", fetched("`http://0.0.0.0:${port}/`"), /^refused/],
  ["metadata of a cloud", fetched('"http://169.254.169.254/latest/meta-data/"'), /^refused/],
  ["metadata by name", fetched('"http://metadata.google.internal/"'), /^refused/],
  ["a private network", fetched('"http://10.0.0.1/"'), /^refused/],
  ["another private network", fetched('"http://192.168.0.1/"'), /^refused/],
  ["credentials in the address", fetched('"http://a:b@example.com/"'), /^refused/],
  ["another scheme", fetched('"ftp://example.com/"'), /^refused/],
  [
    "the platform's own endpoints",
    fetched('"http://platform.internal/code", { method: "POST", body: "{}" }'),
    /^refused/,
  ],
  ["the isolates' own endpoints", fetched('"http://isolates.internal/"'), /^refused/],
  [
    "the platform's own endpoints behind a deployed host",
    fetched("`http://victim.localhost:${port}/code`", '{ headers: { host: "platform.internal" } }'),
    /^(?:404|refused)/,
  ],
  [
    "a raw socket",
    'const { connect } = await import("cloudflare:sockets"); const s = connect({ hostname: "127.0.0.1", port }); await s.opened; return "opened"',
    /^refused/,
  ],
  [
    "a raw socket of node",
    'const net = await import("node:net"); return await new Promise((y, n) => { const s = net.connect(port, "127.0.0.1", () => y("opened")); s.on("error", n) })',
    /^refused/,
  ],
  [
    "http of node",
    'const http = await import("node:http"); return await new Promise((y, n) => http.get({ host: "127.0.0.1", port, path: "/api/health" }, (r) => y("status " + r.statusCode)).on("error", n))',
    /^refused/,
  ],
  [
    // The runtime only pretends: nothing of the machine listens.
    "listening",
    'const net = await import("node:net"); return await new Promise((y, n) => net.createServer().on("error", n).listen(0, () => y("listening")))',
    /^(?:refused|listening)/,
  ],
  // What the platform believes of its own headers.
  [
    "a country of one's own",
    fetched(
      "`http://echo.localhost:${port}/`",
      '{ headers: { "x-vercel-ip-country": "XX", "cf-ipcountry": "XX", "x-cloudify-ip-country": "XX" } }',
    ),
    /^200 (?!.*XX)/s,
  ],
  [
    "another function's call",
    fetched(
      "`http://echo.localhost:${port}/`",
      '{ headers: { "x-cloudify-call": "%7B%7D", "x-cloudify-key": "guess" } }',
    ),
    /^200 (?!.*(?:guess|x-cloudify-call))/s,
  ],
  [
    "Miniflare's own headers",
    fetched(
      "`http://echo.localhost:${port}/`",
      '{ headers: { "mf-route-override": "cloudify-api", "mf-original-url": "http://platform.internal/code", "mf-cf-blob": "{}" } }',
    ),
    /^200 (?!.*mf-)/s,
  ],
  [
    "the key that proves the platform",
    "return JSON.stringify(Object.fromEntries(request.headers))",
    /^(?!.*x-cloudify-(?:key|call))/s,
  ],
  [
    "a fault of its own",
    'return new Response("x", { status: 500, headers: { "x-cloudify-fault": "threw", "x-cloudify-error": "made-up" } }).status',
    /^500/,
  ],
  ["splitting a header", 'new Headers().set("x", "a\\r\\nset-cookie: b=c"); return "split"', /^refused/],
  ["the call in its address", "return request.url", /^http:\/\/attacker\.localhost:\d+\/a\d+$/],
  [
    "too many hops, wiped",
    fetched("request.url", '{ headers: { "x-cloudify-hops": "-1000" } }'),
    /508 loop detected/,
  ],
  // Caches.
  [
    "the cache that all would share",
    'await caches.default.put("http://victim.localhost/a.txt", new Response("poison", { headers: { "cache-control": "max-age=60" } })); return "put"',
    /^refused/,
  ],
  [
    "a named cache",
    'const c = await caches.open("sites"); await c.put("https://sites.internal/x", new Response("poison", { headers: { "cache-control": "max-age=60" } })); return "put"',
    /^refused/,
  ],
  // What its own runtime gives it to break.
  [
    "patching the handler's console",
    'console.log = () => { throw new Error("x") }; return "patched"',
    /^patched/,
  ],
  ["patching Response", 'globalThis.Response = class {}; return "patched"', /^patched|^\{"type"/],
  ["patching promises", 'Promise.prototype.then = function () { return this }; return "patched"', /.*/s],
  ["ending the process", "process.exit(1); return 'went on'", /.*/s],
  ["raising a signal", "process.kill(process.pid, 'SIGKILL'); return 'went on'", /.*/s],
  ["aborting", "process.abort(); return 'went on'", /.*/s],
  ["many promises", "await Promise.all(Array.from({ length: 1e5 }, async () => 1)); return 'ok'", /^ok/],
  [
    "deep recursion in JSON",
    "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return JSON.stringify(a).length",
    /.*/s,
  ],
];

beforeAll(async () => {
  await platform.start();
  const make = async (name: string) =>
    (await platform.client.request("POST /api/projects", { body: { name } })).id;
  const [victim, echo, attacker] = [await make("victim"), await make("echo"), await make("attacker")];
  const env = { key: "SECRET", value: CANARY, targets: ["production" as const] };
  await platform.client.request("POST /api/projects/{project}/env", {
    params: { project: victim },
    body: env,
  });
  await deployFunctions(
    platform.client,
    victim,
    {
      index: `globalThis.victim = process.env.SECRET; globalThis[Symbol.for("victim")] = process.env.SECRET; Object.prototype.polluted = process.env.SECRET;
        export default () => new Response(process.env.SECRET === "${CANARY}" ? "the victim is well" : "broken")`,
    },
    {},
    { "a.txt": "of the victim" },
  );
  const headers = `export default (request) => Response.json(Object.fromEntries(request.headers))`;
  await deployFunctions(platform.client, echo, { index: headers });
  const functions = ATTEMPTS.map(([, code], i) => [
    `a${i}`,
    `const port = ${platform.port};
     export default async (request, context) => {
       try { const found = await (async () => { ${code} })(); return found instanceof Response ? found : new Response(String(found)) }
       catch (error) { return new Response("refused: " + error) }
     }`,
  ]);
  await deployFunctions(platform.client, attacker, Object.fromEntries(functions));
});
afterAll(() => platform.remove());

const victimIsWell = async () => {
  expect(await (await get(at("victim", "/"))).text()).toBe("the victim is well");
  expect(await (await get(at("victim", "/a.txt"))).text()).toBe("of the victim");
};

test("there are at least sixty attempts", () => expect(ATTEMPTS.length).toBeGreaterThanOrEqual(60));

test.each(ATTEMPTS.map(([name, , ends], i) => [name, i, ends] as const))("%s", async (_, i, ends) => {
  await victimIsWell();
  const found = await get(at("attacker", `/a${i}`));
  const text = await found.text();
  expect(text).toMatch(ends);
  expect(text).not.toContain(CANARY);
  await victimIsWell();
});

test("nothing of the victim's stands in any log, answer of the API, or what the platform printed", async () => {
  const { stdout } = await platform.cli("logs", "attacker.localhost", "--json");
  const audit = await platform.client.call("GET", "/api/teams/local/audit?limit=100");
  for (const text of [stdout, JSON.stringify(audit), platform.output]) expect(text).not.toContain(CANARY);
});
