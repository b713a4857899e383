/**
 * 1,000 concurrent deployments (design section 10): 10 files each, created by 50 clients over 20 projects and 4 teams.
 * Prints how long until the last is ready, whether any was lost, and what it cost.
 */
import { Client } from "@cloudify/sdk";
import { TestPlatform } from "#tests/support/platform.ts";
import { entry, tree, upload } from "#tests/support/sites.ts";
import { usage } from "./processes.ts";
import { say, times } from "./report.ts";

const COUNT = times(1_000, 20);
const CLIENTS = 50;
const TEAMS = 4;
const PROJECTS = 20;
/** Nothing is waited for longer than this. */
const LIMIT_MS = 400_000;

const platform = new TestPlatform();
await platform.start();
try {
  const clients: Client[] = [];
  for (let i = 0; i < TEAMS; i++) {
    const { token } = await platform.client.request("POST /api/teams", { body: { slug: `bench-${i}` } });
    clients.push(new Client({ api: platform.api, token: token.token }));
  }
  const projects: { client: Client; id: string }[] = [];
  for (let i = 0; i < PROJECTS; i++) {
    const client = clients[i % TEAMS] ?? platform.client;
    const { id } = await client.request("POST /api/projects", { body: { name: `project-${i}` } });
    projects.push({ client, id });
  }

  const peak = { memory: 0, files: 0 };
  const watch = setInterval(() => {
    const { memory, files } = usage();
    peak.memory = Math.max(peak.memory, memory);
    peak.files = Math.max(peak.files, files);
  }, 1_000);

  const startedAt = performance.now();
  const made = new Map<string, Client>();
  const waiting = Array.from({ length: COUNT }, (_, i) => i).values();
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      for (const i of waiting) {
        const project = projects[i % PROJECTS];
        if (!project) continue;
        const files = tree(
          Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`${n}.txt`, `deployment ${i} file ${n}`])),
        );
        await upload(project.client, ...Object.values(files));
        const body = { files: Object.entries(files).map(([path, text]) => entry(path, text)) };
        const params = { project: project.id };
        const { id } = await project.client.request("POST /api/projects/{project}/deployments", {
          params,
          body,
        });
        made.set(id, project.client);
      }
    }),
  );
  const createdMs = Math.round(performance.now() - startedAt);

  const states = new Map<string, string>();
  while (states.size < made.size && performance.now() - startedAt < LIMIT_MS) {
    for (const { client, id: project } of projects) {
      for await (const one of client.pages((cursor) =>
        client.request("GET /api/projects/{project}/deployments", {
          params: { project },
          query: { limit: 100, ...(cursor ? { cursor } : {}) },
        }),
      )) {
        if (one.state === "ready" || one.state === "error") states.set(one.id, one.state);
      }
    }
  }
  const readyMs = Math.round(performance.now() - startedAt);
  clearInterval(watch);
  const ready = [...states.values()].filter((state) => state === "ready").length;
  const result = {
    deployments: COUNT,
    distinct: made.size,
    ready,
    failed: states.size - ready,
    createdMs,
    allReadyMs: readyMs,
    peakMemoryMB: Math.round(peak.memory / 1_000_000),
    peakOpenFiles: peak.files,
  };
  say("concurrent deployments", result);
  if (ready !== COUNT || made.size !== COUNT) process.exitCode = 1;
} catch (error) {
  console.error(platform.output.slice(-4_000));
  throw error;
} finally {
  await platform.remove();
}
