import { writeFileSync } from "node:fs";
import { deployFunctions } from "#tests/support/functions.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";
import { load } from "./load.ts";

const which = process.argv[2] ?? "static";
const inspect = 19333;
const platform = new TestPlatform();
await platform.start({ INSPECT: String(inspect) });
try {
  await platform.client.request("POST /api/projects", { body: { name: "plain" } });
  let path = "/memory.bin";
  if (which === "function") {
    await deployFunctions(platform.client, "plain", {
      hello: `export default () => new Response("x".repeat(1000))`,
    });
    path = "/hello";
  } else
    await deployTree(platform.client, "plain", tree({ "memory.bin": "x".repeat(1000) }), {
      target: "production",
    });
  const one = {
    connections: 16,
    requests: 3000,
    port: platform.port,
    host: `plain.localhost:${platform.port}`,
    path,
  };
  await load(one);
  const list = (await (await fetch(`http://127.0.0.1:${inspect}/json/list`)).json()) as {
    id: string;
    title: string;
    webSocketDebuggerUrl: string;
  }[];
  console.log(list.map((t) => t.id + " " + t.webSocketDebuggerUrl));
  const target = list.find((t) => JSON.stringify(t).includes("edge-router"))!;
  const ws = new WebSocket(target.webSocketDebuggerUrl);
  await new Promise((r) => ws.addEventListener("open", r));
  let n = 0;
  const waiting = new Map<number, (v: any) => void>();
  ws.addEventListener("message", (e) => {
    const m = JSON.parse(String(e.data));
    if (m.id) waiting.get(m.id)?.(m);
  });
  const send = (method: string, params = {}) =>
    new Promise<any>((r) => {
      const id = ++n;
      waiting.set(id, r);
      ws.send(JSON.stringify({ id, method, params }));
    });
  console.log(
    await send("Profiler.enable"),
    await send("Profiler.setSamplingInterval", { interval: 200 }),
    await send("Profiler.start"),
  );
  const m = await load({ ...one, requests: 8000 });
  const { result } = await send("Profiler.stop");
  console.log(m);
  const p = result.profile;
  writeFileSync(`/tmp/prof-${which}.cpuprofile`, JSON.stringify(p));
  const byId = new Map<number, any>(p.nodes.map((x: any) => [x.id, x]));
  const self = new Map<number, number>();
  for (let i = 0; i < p.samples.length; i++)
    self.set(p.samples[i], (self.get(p.samples[i]) ?? 0) + (p.timeDeltas[i] ?? 0));
  const fn = new Map<string, number>();
  let total = 0;
  for (const [id, t] of self) {
    const c = byId.get(id).callFrame;
    const k = `${c.functionName}:${c.lineNumber}`;
    fn.set(k, (fn.get(k) ?? 0) + t);
    total += t;
  }
  for (const [k, t] of [...fn].sort((a, b) => b[1] - a[1]).slice(0, 45))
    console.log((t / 8000).toFixed(1).padStart(8), "us/req", k);
  console.log("total us/req", total / 8000);
  ws.close();
} finally {
  await platform.remove();
}
