/** Static files: from memory, from the Cache API, from R2, and behind a long table of routes. */
import type { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";
import type { Bare } from "./bare.ts";
import { compare, times } from "./report.ts";

export async function router(platform: TestPlatform, bare: Bare): Promise<void> {
  const routes = Array.from({ length: 2_000 }, (_, i) => ({
    src: `^/old-${i}/([^/]+)$`,
    status: 308,
    headers: { location: `/new-${i}/$1` },
  }));
  const files = tree({
    "memory.bin": "x".repeat(1_000),
    "cache.bin": "y".repeat(100_000),
    "r2.bin": "z".repeat(11_000_000),
  });
  for (const [name, config] of Object.entries({ plain: {}, routed: { routes } })) {
    await platform.client.request("POST /api/projects", { body: { name } });
    const more = { "config.json": JSON.stringify({ version: 3, ...config }) };
    await deployTree(platform.client, name, { ...files, ...more }, { target: "production" });
  }
  const cases: [name: string, project: string, path: string, bare: string, requests: number][] = [
    ["static hit from memory", "plain", "/memory.bin", "/memory", times(10_000, 200)],
    ["static hit from the Cache API (100 kB)", "plain", "/cache.bin", "/cache", times(5_000, 100)],
    ["static hit from R2 (11 MB)", "plain", "/r2.bin", "/r2", times(200, 3)],
    ["static hit behind 2,000 routes", "routed", "/memory.bin", "/memory", times(10_000, 200)],
  ];
  for (const [name, project, path, other, requests] of cases) {
    const ours = { port: platform.port, host: `${project}.localhost:${platform.port}`, path };
    await compare(name, ours, bare, other, requests);
  }
}
