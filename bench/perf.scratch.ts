import { execSync, spawn } from "node:child_process";
import { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";
import { startBare } from "./bare.ts";
import { load } from "./load.ts";

const platform = new TestPlatform();
const bare = await startBare();
await platform.start();
try {
  await platform.client.request("POST /api/projects", { body: { name: "plain" } });
  await deployTree(platform.client, "plain", tree({ "memory.bin": "x".repeat(1_000) }), {
    target: "production",
  });
  const pids = execSync("pgrep -f 'workerd.*serve'").toString();
  console.log(pids);
  const ours = {
    connections: 16,
    port: platform.port,
    host: `plain.localhost:${platform.port}`,
    path: "/memory.bin",
  };
  await load({ ...ours, requests: 3000 });
  // platform workerd: cwd = worktree, child of start.ts
  const list = execSync(
    `for p in $(pgrep -x workerd); do echo $p $(ps -o ppid= -p $p) $(ps -o time= -p $p) $(readlink /proc/$p/cwd); done`,
  ).toString();
  console.log(list);
  const mine = list
    .split("\n")
    .map((l) => l.trim().split(/\s+/))
    .filter((l) => l[3] === process.cwd());
  const pid = mine.at(-1)![0];
  const perf = spawn("perf", ["record", "-F", "1999", "-g", "-p", pid!, "-o", "/tmp/perf.data"], {
    stdio: "inherit",
  });
  await load({ ...ours, requests: 8000 });
  perf.kill("SIGINT");
  await new Promise((r) => perf.once("exit", r));
} finally {
  await platform.remove();
  await bare.stop();
}
