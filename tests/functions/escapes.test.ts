// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are programs, and the placeholders theirs
/** Attempts to get out of an isolate: each runs as a function of its own beside a victim, and must end as it says here. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployFunctions } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";

const platform = new TestPlatform();
const { at, newProject } = platform;
const CANARY = "canary-5f1d8c0e-of-the-victim";

const REFUSED = /^(?:refused|undefined|null|false|none|\[\]|\{\})/;
const fetched = (address: string, init = "{}") =>
  `const r = await fetch(${address}, ${init}); return r.status + " " + (await r.text()).slice(0, 300)`;

const UNRESPONSIVE = /"code":"function_unresponsive"/;

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
  [
    "an entry of the router's own, by its key",
    'await caches.default.put("https://sites.internal/" + "0".repeat(64), new Response("poison", { headers: { "cache-control": "max-age=60" } })); return "put"',
    /^refused/,
  ],
  [
    "a look into the cache that all would share",
    'const found = await caches.default.match("http://victim.localhost/a.txt"); return found ? await found.text() : undefined',
    REFUSED,
  ],
  [
    "a cache of a neighbour by name",
    'return await (await caches.open("blobs")).match("https://sites.internal/x")',
    REFUSED,
  ],
  ["emptying a cache", 'return await caches.default.delete("http://victim.localhost/a.txt")', REFUSED],
  [
    "a cached answer for others, by its own headers",
    'return new Response("mine", { headers: { "cache-control": "public, max-age=60", "cdn-cache-control": "max-age=60", "content-location": "http://victim.localhost/a.txt" } })',
    /^mine/,
  ],
  [
    "the cache, by its scope's own prototype",
    "const own = []; for (let s = globalThis; s; s = Object.getPrototypeOf(s)) { const d = Object.getOwnPropertyDescriptor(s, 'caches'); if (d) own.push(d.value ?? d.get.call(globalThis)) } for (const c of own) await c.default.put('http://victim.localhost/a.txt', new Response('poison')); return 'put'",
    /^refused/,
  ],
  [
    "the cache, from its constructor",
    "return await (await new CacheStorage().open('x')).put('http://victim.localhost/a.txt', new Response('poison'))",
    /^refused/,
  ],
  // Raw sockets, to every place that is not public.
  ...[
    ["::1", "port"],
    ["localhost", "port"],
    ["0.0.0.0", "port"],
    ["[::ffff:127.0.0.1]", "port"],
    ["169.254.169.254", "80"],
    ["10.0.0.1", "22"],
    ["192.168.1.1", "53"],
    ["172.17.0.1", "2375"],
    ["fd00::1", "80"],
    ["victim.localhost", "port"],
  ].map(
    ([hostname, to]): Attempt => [
      `a raw socket to ${hostname}`,
      `const { connect } = await import("cloudflare:sockets"); const s = connect({ hostname: "${hostname}", port: ${to} }); await s.opened; return "opened"`,
      /^refused/,
    ],
  ),
  [
    "a raw socket to every port that the platform may hold",
    `const { connect } = await import("cloudflare:sockets"); const opened = [];
     await Promise.all(Array.from({ length: 40 }, async (_, i) => { try { const s = connect("127.0.0.1:" + (port - 20 + i)); await s.opened; opened.push(i) } catch {} }));
     return opened.join() || "none"`,
    /^none/,
  ],
  [
    "a raw socket with TLS",
    'const tls = await import("node:tls"); return await new Promise((y, n) => tls.connect(port, "127.0.0.1", () => y("opened")).on("error", n))',
    /^refused/,
  ],
  // Names and redirects that lead inside.
  ["a name that resolves to loopback", fetched("`http://localtest.me:${port}/`"), /^refused/],
  ["a name that holds its address", fetched("`http://127.0.0.1.nip.io:${port}/`"), /^refused/],
  ["a name with a dot at its end", fetched("`http://localhost.:${port}/api/health`"), /^refused/],
  ["loopback in octal", fetched("`http://0177.0.0.1:${port}/`"), /^refused/],
  ["metadata in IPv6", fetched('"http://[fd00:ec2::254]/latest/meta-data/"'), /^refused/],
  ["a redirect to loopback", fetched("`http://echo.localhost:${port}/to-loopback`"), /^refused/],
  ["a redirect to metadata", fetched("`http://echo.localhost:${port}/to-metadata`"), /^refused/],
  [
    "a redirect to the platform's own endpoints",
    fetched("`http://echo.localhost:${port}/to-internal`"),
    /^refused/,
  ],
  [
    "a WebSocket to loopback",
    "return await new Promise((y, n) => { const s = new WebSocket(`ws://127.0.0.1:${port}/`); s.onopen = () => y('opened'); s.onerror = (e) => n(e.message || 'closed'); s.onclose = () => n('closed') })",
    /^refused/,
  ],
  [
    "a WebSocket to metadata by fetch",
    fetched('"http://169.254.169.254/"', '{ headers: { upgrade: "websocket" } }'),
    /^refused/,
  ],
  [
    "an event source on loopback",
    "return await new Promise((y, n) => { const s = new EventSource(`http://127.0.0.1:${port}/`); s.onopen = () => y('opened'); s.onerror = () => n('closed') })",
    /^refused/,
  ],
  ["the API as a host of the platform", fetched("`http://api.localhost:${port}/api/health`"), /^404/],
  [
    "the API behind a deployed host",
    fetched("`http://victim.localhost:${port}/api/health`", "{ headers: { host: `localhost:${port}` } }"),
    /^(?!.*"status":"ok")/s,
  ],
  [
    "a deployed host whose name ends like the inside",
    fetched('"http://platform.internal.localhost/code", { method: "POST", body: "{}" }'),
    /^404/,
  ],
  // Headers that others believe.
  [
    "hop-by-hop headers to a neighbour",
    fetched(
      "`http://echo.localhost:${port}/`",
      '{ headers: { connection: "x-forwarded-for", te: "trailers", "proxy-authorization": "x" } }',
    ),
    /^(?:200|refused)/,
  ],
  [
    "an address of one's own",
    fetched(
      "`http://echo.localhost:${port}/`",
      '{ headers: { "x-forwarded-for": "6.6.6.6", "x-real-ip": "6.6.6.6", "cf-connecting-ip": "6.6.6.6", forwarded: "for=6.6.6.6" } }',
    ),
    /^200 (?!.*"(?:x-forwarded-for|x-real-ip|cf-connecting-ip)":"6\.6\.6\.6")/s,
  ],
  [
    "a middleware's headers to a neighbour's function",
    fetched(
      "`http://victim.localhost:${port}/a.txt`",
      '{ headers: { "x-middleware-rewrite": "/", "x-middleware-next": "1", "x-middleware-subrequest": "1" } }',
    ),
    /^200 of the victim/,
  ],
  [
    "a call of another project's function",
    fetched(
      "`http://echo.localhost:${port}/`",
      "{ headers: { 'x-cloudify-call': encodeURIComponent(JSON.stringify({ id: 'x', team: 'local', project: 'victim', deployment: 'victim', name: 'index', code: '0', env: null, system: {}, hops: 0 })) } }",
    ),
    /^200 (?!.*x-cloudify-call)/s,
  ],
  ["a header with a null", 'new Headers().set("x", "a\\0b"); return "set"', /^refused/],
  ["a header's name with a line's end", 'new Headers().set("x\\r\\ny", "b"); return "set"', /^refused/],
  [
    "splitting the status line",
    'return new Response("x", { statusText: "OK\\r\\nset-cookie: a=b" })',
    /^refused/,
  ],
  [
    "a method with a line's end",
    fetched("request.url", '{ method: "GET / HTTP/1.1\\r\\nx: y" }'),
    /^refused/,
  ],
  [
    "two lengths of one answer",
    'return new Response("four", { headers: { "content-length": "400", "transfer-encoding": "chunked" } })',
    /.*/s,
  ],
  [
    "an answer of the platform's own kind",
    'return new Response("x", { headers: { "x-cloudify-deployment": "dpl_victim", "x-cloudify-id": "req_made_up" } })',
    /^x/,
  ],
  // Itself, past the count of hops.
  [
    "too many hops, by a client that does not count",
    "const http = await import('node:http'); const u = new URL(request.url); return await new Promise((y, n) => http.get({ host: u.hostname, port: u.port, path: u.pathname, headers: { host: u.host } }, (r) => { let t = ''; r.on('data', (c) => { t += c }); r.on('end', () => y(r.statusCode + ' ' + t.slice(0, 200))) }).on('error', n))",
    /508|refused/,
  ],
  ...["-1", "x", "1e999", "0.5"].map(
    (count): Attempt => [
      `too many hops, counted as ${count} with a set() that does nothing`,
      `Headers.prototype.set = () => {}; const r = await fetch(request.url, { headers: { "x-cloudify-hops": "${count}" } }); return r.status + " " + (await r.text()).slice(0, 200)`,
      /508/,
    ],
  ),
  [
    "lines without an end, told by hand",
    'const body = new ReadableStream({ pull(c) { globalThis.sent = (globalThis.sent ?? 0) + 1; c.enqueue(new Uint8Array(1e6)) } }); await fetch("http://lines.cloudify.internal/", { method: "POST", body }).catch(() => {}); return globalThis.sent < 20 ? "refused" : "taken " + globalThis.sent',
    /^refused/,
  ],
  [
    "a line that takes long to look at",
    'console.log("\\n".repeat(2660) + " at " + "x".repeat(5330)); return "written"',
    /^written/,
  ],
  [
    "too many hops, with a header taken away",
    'const h = new Headers(); h.set = () => {}; return await (async () => { const r = await fetch(request.url, { headers: h }); return r.status + " " + (await r.text()).slice(0, 100) })()',
    /508/,
  ],
  // What it is called with.
  [
    "the call, by a constructor of its own",
    "const seen = []; const R = Request; globalThis.Request = class extends R { constructor(a, b) { super(a, b); seen.push(...new Headers(a.headers ?? {})) } }; globalThis.capture = seen; return JSON.stringify(seen)",
    /^(?!.*x-cloudify-(?:key|call))/s,
  ],
  [
    "the call, by headers of its own, in the next request",
    "const { get, delete: d } = Headers.prototype; globalThis.taken ??= []; Headers.prototype.get = function (n) { globalThis.taken.push(n, ...[...this].flat()); return get.call(this, n) }; const found = globalThis.taken.join(); return found || 'nothing yet'",
    /^(?!.*(?:x-cloudify-(?:key|call)|%22deployment))/s,
  ],
  [
    "the call, by JSON of its own",
    "globalThis.parsed ??= []; const p = JSON.parse; JSON.parse = (t, r) => { globalThis.parsed.push(String(t)); return p(t, r) }; return globalThis.parsed.join() || 'nothing yet'",
    /^(?!.*"team")/s,
  ],
  [
    "the call, by setters on every object",
    "globalThis.set ??= []; for (const k of ['id', 'team', 'key', 'env', 'hops']) Object.defineProperty(Object.prototype, k, { configurable: true, set(v) { globalThis.set.push(k + '=' + v) }, get() { return undefined } }); const got = globalThis.set.join(); return got || 'nothing yet'",
    /^(?!.*(?:team=|key=))/s,
  ],
  [
    "the request as the runtime has it",
    "return JSON.stringify(Object.keys(request.cf ?? {}))",
    /^(?!.*(?:key|call))/s,
  ],
  [
    "exports of the context",
    'const { exports, env, waitUntil } = await import("cloudflare:workers"); return JSON.stringify(Object.keys(exports ?? {})) + Object.keys(env ?? {}).join()',
    /^(?!.*(?:Outbound|Tail|LOADER|KEY|LOGS|BLOBS))/s,
  ],
  [
    "an object of the platform",
    'const { DurableObject, exports } = await import("cloudflare:workers"); return await exports.LogObject.getByName("x").append([])',
    /^refused/,
  ],
  ["the loader", "return typeof context.env?.LOADER + typeof globalThis.LOADER", /^undefinedundefined/],
  [
    "its own outbound, called as what it is",
    'const { env, exports } = await import("cloudflare:workers"); return await exports.Outbound.fetch("http://platform.internal/lines")',
    /^refused/,
  ],
  // The log of another.
  [
    "a row of a neighbour's log",
    fetched(
      "`http://platform.internal/lines`",
      '{ method: "POST", body: JSON.stringify({ deployment: "dpl_x", lines: [] }) }',
    ),
    /^refused/,
  ],
  [
    "a row of a neighbour's log, with the notes of the platform's own prelude",
    'console.log("forged", "\\u0001gap", 1e9); console.log("function:index", "\\u0001cut", "x"); return "written"',
    /^written/,
  ],
  [
    "a row that looks like an outcome",
    'console.log("GET / 200 in 1 ms, warm, isolate 0000, request req_0\\n{\\"seq\\":1,\\"stream\\":\\"state\\"}"); return "written"',
    /^written/,
  ],
  // Time: what ends by itself, or is ended.
  [
    "waiting on shared memory",
    "return Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)",
    /^(?:refused|timed-out)/,
  ],
  ["recursion without an end", "const f = () => f() + 1; return f()", /^refused: RangeError/],
  [
    "recursion that waits",
    "const f = async (n) => n === 0 ? 0 : (await f(n - 1)) + 1; return await f(5000)",
    /^(?:5000|refused)/,
  ],
  [
    "many timers",
    "for (let i = 0; i < 2e4; i++) setTimeout(() => {}, 60000); return 'set'",
    /^(?:set|refused)/,
  ],
  [
    "many small blocks",
    "for (let i = 0; i < 20; i++) { let n = 0; for (let j = 0; j < 1e7; j++) n += j; await new Promise((y) => setTimeout(y, 0)) } return 'done'",
    /^done/,
  ],
  [
    "a loop that stays below the limit",
    "let n = 0; for (let j = 0; j < 2e8; j++) n += j; return 'done'",
    /^done/,
  ],
  [
    "a large clone",
    "return structuredClone(Array.from({ length: 3e5 }, (_, i) => ({ i }))).length",
    /^300000/,
  ],
  [
    "a large text of JSON",
    "return JSON.parse(JSON.stringify(Array.from({ length: 3e5 }, (_, i) => ({ i })))).length",
    /^300000/,
  ],
  ["a loop above the limit", "for (;;);", UNRESPONSIVE],
  ["a flood of microtasks", "const f = () => Promise.resolve().then(f); await f()", UNRESPONSIVE],
  ["a pattern without an end", "return /^(a+)+$/.test('a'.repeat(40) + 'b')", UNRESPONSIVE],
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
  const [victim, echo, attacker] = [
    await newProject("victim"),
    await newProject("echo"),
    await newProject("attacker"),
  ];
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
  const to = (location: string) =>
    `export default () => new Response(null, { status: 302, headers: { location: "${location}" } })`;
  await deployFunctions(platform.client, echo, {
    index: `export default (request) => Response.json(Object.fromEntries(request.headers))`,
    "to-loopback": to(`http://127.0.0.1:${platform.port}/api/health`),
    "to-metadata": to("http://169.254.169.254/latest/meta-data/"),
    "to-internal": to("http://platform.internal/code"),
  });
  const functions = ATTEMPTS.map(([, code], i): [string, string] => [
    `a${i}`,
    `const port = ${platform.port};
     export default async (request, context) => {
       try { const found = await (async () => { ${code} })(); return found instanceof Response ? found : new Response(String(found)) }
       catch (error) { return new Response("refused: " + error) }
     }`,
  ]);
  // A project of which several are found guilty has all others in quarantine, away from the victim: each has its own.
  const isGuilty = ([, , ends]: Attempt) => ends === UNRESPONSIVE;
  const innocent = functions.filter((_, i) => !ATTEMPTS.some((one, at) => at === i && isGuilty(one)));
  await deployFunctions(platform.client, attacker, Object.fromEntries(innocent));
  for (const [i, one] of functions.entries()) {
    if (!ATTEMPTS.some((attempt, at) => at === i && isGuilty(attempt))) continue;
    await deployFunctions(platform.client, await newProject(`guilty-${i}`), Object.fromEntries([one]));
  }
});
afterAll(() => platform.remove());

const victimIsWell = async () => {
  expect(await (await get(at("victim", "/"))).text()).toBe("the victim is well");
  expect(await (await get(at("victim", "/a.txt"))).text()).toBe("of the victim");
};

test("there are at least a hundred attempts", () => expect(ATTEMPTS.length).toBeGreaterThanOrEqual(100));

test.each(ATTEMPTS.map(([name, , ends], i) => [name, i, ends] as const))("%s", async (_, i, ends) => {
  await victimIsWell();
  const found = await get(at(ends === UNRESPONSIVE ? `guilty-${i}` : "attacker", `/a${i}`));
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
