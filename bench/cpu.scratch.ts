import { readdirSync, readFileSync } from "node:fs";
import { deployFunctions } from "#tests/support/functions.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";
import { startBare } from "./bare.ts";
import { load } from "./load.ts";

const which = process.argv.slice(2);
function tree_(pid: number): number[] {
  let c: number[] = [];
  try {
    c = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
      .trim()
      .split(" ")
      .filter(Boolean)
      .map(Number);
  } catch {}
  return [pid, ...c.flatMap(tree_)];
}
function cpus(): Map<string, number> {
  const out = new Map<string, number>();
  for (const pid of tree_(process.pid)) {
    try {
      const cmd = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ");
      if (!cmd.includes("workerd")) continue;
      if (cmd.startsWith("sh ")) continue;
      const cwd = await_(pid);
      const s = readFileSync(`/proc/${pid}/stat`, "utf8");
      const f = s.slice(s.lastIndexOf(")") + 2).split(" ");
      out.set(`${pid} ${cwd}`, (Number(f[11]) + Number(f[12])) * 10_000);
    } catch {}
  }
  return out;
}

import { readlinkSync } from "node:fs";

function await_(pid: number) {
  return readlinkSync(`/proc/${pid}/cwd`).split("/").slice(-2).join("/");
}
const platform = new TestPlatform();
const bare = await startBare();
await platform.start();
try {
  const routes = Array.from({ length: 2_000 }, (_, i) => ({
    src: `^/old-${i}/([^/]+)$`,
    status: 308,
    headers: { location: `/new-${i}/$1` },
  }));
  const files = tree({ "memory.bin": "x".repeat(1_000), "cache.bin": "y".repeat(100_000) });
  for (const name of ["plain", "routed", "fn"])
    await platform.client.request("POST /api/projects", { body: { name } });
  await deployTree(platform.client, "plain", files, { target: "production" });
  await deployTree(
    platform.client,
    "routed",
    { ...files, "config.json": JSON.stringify({ version: 3, routes }) },
    { target: "production" },
  );
  await deployFunctions(platform.client, "fn", {
    hello: `const t = "x".repeat(1000); export default () => new Response(t)`,
  });
  const all: [string, string, string, string][] = [
    ["memory", "plain", "/memory.bin", "/memory"],
    ["cache", "plain", "/cache.bin", "/cache"],
    ["routed", "routed", "/memory.bin", "/memory"],
    ["function", "fn", "/hello", "/isolates/0"],
  ];
  for (const [name, host, path, other] of all.filter(([n]) => which.length === 0 || which.includes(n))) {
    const ours = { connections: 16, port: platform.port, host: `${host}.localhost:${platform.port}`, path };
    const theirs = { connections: 16, port: bare.port, host: "bare.localhost", path: other };
    for (const one of [ours, theirs]) await load({ ...one, requests: 2000 });
    for (let round = 0; round < 2; round++)
      for (const [label, one] of [
        ["ours", ours],
        ["bare", theirs],
      ] as const) {
        const N = 4000;
        const before = cpus();
        const m = await load({ ...one, requests: N });
        const after = cpus();
        const d = [...after]
          .map(([k, v]) => [k, (v - (before.get(k) ?? 0)) / N] as const)
          .filter(([, v]) => v > 3)
          .map(([k, v]) => `${k}=${v.toFixed(0)}us`);
        console.log(
          name.padEnd(9),
          label,
          `rate ${m.rate} p50 ${m.p50}`,
          d.join("  "),
          m.failed ? `FAILED ${m.failed}` : "",
        );
      }
  }
} finally {
  await platform.remove();
  await bare.stop();
}
