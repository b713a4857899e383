/** What each process on the way costs, in milliseconds: one request at a time, the bare chain and ours. */
import { deployFunctions } from "#tests/support/functions.ts";
import type { TestPlatform } from "#tests/support/platform.ts";
import type { Bare } from "./bare.ts";
import { load } from "./load.ts";
import { say, times } from "./report.ts";

export async function hops(platform: TestPlatform, bare: Bare): Promise<void> {
  const { id } = await platform.client.request("POST /api/projects", { body: { name: "hops" } });
  const source = `const text = "x".repeat(1000); export default () => new Response(text);`;
  await deployFunctions(platform.client, id, { answer: source }, {}, { "a.txt": "x".repeat(1_000) });
  const ours = { port: platform.port, host: `hops.localhost:${platform.port}` };
  const through = { port: bare.port, host: "bare.localhost" };
  const within = { port: bare.together, host: "bare.localhost" };
  const ways = {
    worker: { port: bare.direct.worker, host: "bare.localhost", path: "/memory" },
    "gate and worker": { ...within, path: "/memory" },
    "gate and worker → isolate": { ...within, path: "/isolates/0" },
    "gate → worker": { ...through, path: "/memory" },
    "gate → worker → second process": { ...through, path: "/isolates" },
    "gate → worker → isolate": { ...through, path: "/isolates/0" },
    "gate and router, a file from memory": { ...ours, path: "/a.txt" },
    "gate and router → isolates → function": { ...ours, path: "/answer" },
  };
  const found: Record<string, number> = {};
  for (const [name, way] of Object.entries(ways)) {
    await load({ ...way, connections: 1, requests: times(200, 20) });
    const { p50 } = await load({ ...way, connections: 1, requests: times(2_000, 20) });
    found[name] = p50;
  }
  const cost = (to: keyof typeof ways, from: keyof typeof ways) =>
    Number(((found[to] ?? 0) - (found[from] ?? 0)).toFixed(2));
  say("hops", {
    p50: found,
    cost: {
      gate: cost("gate and worker", "worker"),
      "gate in a process of its own": cost("gate → worker", "worker"),
      "second process": cost("gate → worker → second process", "gate → worker"),
      loader: cost("gate → worker → isolate", "gate → worker → second process"),
      "router, for a file": cost("gate and router, a file from memory", "gate and worker"),
      "router and isolates, for a function": cost(
        "gate and router → isolates → function",
        "gate and worker → isolate",
      ),
    },
  });
}
