/** Rolling releases from outside: the real command, real visitors, real errors. */
import type { Rollout } from "@cloudify/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { folder } from "#tests/support/sites.ts";

const platform = new TestPlatform();
beforeAll(() => platform.start());
afterAll(() => platform.remove());

/** Answers its word, or with it an error of the server. */
const site = (word: string, status = 200) =>
  folder({
    "api/say.js": `export const config = { runtime: "edge" };
      export function GET() { return new Response("${word}", { status: ${status} }) }`,
  });
const deploy = (project: string, root: string, ...flags: string[]) =>
  platform.json<{ id: string }>("deploy", root, "--prod", "--project", project, ...flags);
const rollout = (project: string, ...words: string[]) =>
  platform.json<Rollout>("rollout", ...words, "--project", project);

/** Someone who keeps the name that the platform gives them, and all that they were shown. */
class Visitor {
  readonly seen: string[] = [];
  #cookie = "";

  async look(project: string): Promise<string> {
    const headers = this.#cookie === "" ? {} : { cookie: this.#cookie };
    const found = await get(`http://${project}.localhost:${platform.port}/api/say`, { headers });
    const [given] = found.headers.getSetCookie();
    if (given) this.#cookie = given.split(";")[0] ?? "";
    const word = await found.text();
    this.seen.push(word);
    return word;
  }
}

const crowd = (size: number) => Array.from({ length: size }, () => new Visitor());
const ask = (all: readonly Visitor[], project: string) => Promise.all(all.map((one) => one.look(project)));

test("a release that answers 500 is taken back by itself, and its visitors see the old one again", async () => {
  const visitors = crowd(30);
  const old = await deploy("guarded", site("old"));
  expect(new Set(await ask(visitors, "guarded"))).toEqual(new Set(["old"]));
  const next = await deploy("guarded", site("new", 500), "--stages", "50:30m,100", "--guard", "5:20:5m");
  const begun = await rollout("guarded", "status");
  expect(begun).toMatchObject({
    live: old.id,
    canary: { deploymentId: next.id, percent: 50 },
    rolling: { stage: 0, guard: { points: 5, requests: 20, minutes: 5 } },
  });
  expect(begun.rolling?.nextAt).toBe((begun.rolling?.since ?? 0) + 30 * 60_000);
  await expect.poll(async () => new Set(await ask(visitors, "guarded")).size).toBe(2);

  // They go on asking until the platform has seen enough.
  const ended = await expect
    .poll(
      async () => {
        await ask(visitors, "guarded");
        return (
          await platform.client.request("GET /api/projects/{project}/rollout", {
            params: { project: "guarded" },
          })
        ).canary;
      },
      { timeout: 50_000, interval: 250 },
    )
    .toBeNull()
    .then(() => rollout("guarded", "status"));
  await expect.poll(async () => new Set(await ask(visitors, "guarded"))).toEqual(new Set(["old"]));
  for (let i = 0; i < 3; i++) expect(new Set(await ask(visitors, "guarded"))).toEqual(new Set(["old"]));

  // Nobody saw new → old → new.
  for (const { seen } of visitors) expect(seen.join(" ")).toMatch(/^(old )+(new )*old( old)*$/);
  expect(ended).toMatchObject({
    live: old.id,
    held: false,
    last: { deploymentId: next.id, outcome: "aborted", by: "guard", percent: 50 },
  });
  const { canary, live } = ended.last?.figures ?? {};
  expect(canary?.requests).toBeGreaterThanOrEqual(20);
  expect([canary?.errors, live?.errors]).toEqual([canary?.requests, 0]);

  const { stdout: log } = await platform.cli("logs", next.id);
  expect(log).toMatch(/rolling release: aborted at 50 % .*\(100\.0 %\) of its answers/);
  const trail = await platform.json<{ action: string; detail: unknown }[]>(
    "audit",
    "--action",
    "deployment.rollout-abort",
  );
  expect(trail).toEqual([
    expect.objectContaining({ target: next.id, detail: expect.objectContaining({ canary, live }) }),
  ]);
  // There is nothing left to move.
  const late = await platform.cli("rollout", "advance", "--project", "guarded", "--json");
  expect([late.code, JSON.parse(late.stdout).error.code]).toEqual([1, "illegal_transition"]);
});

test("stage by stage by hand: nobody goes back, and at the end everybody has it", async () => {
  const visitors = crowd(30);
  await deploy("stepped", site("old"));
  await ask(visitors, "stepped");
  const next = await deploy("stepped", site("new"), "--stages", "20,60,100");
  expect(await rollout("stepped")).toMatchObject({
    canary: { percent: 20 },
    rolling: { nextAt: null, guard: { points: 5, requests: 50, minutes: 5 } },
  });
  await expect.poll(async () => (await ask(visitors, "stepped")).includes("new")).toBe(true);
  const text = await platform.cli("rollout", "status", "--project", "stepped");
  expect(text.stdout).toContain("60 % with `cloudify rollout advance`");
  expect(await rollout("stepped", "advance")).toMatchObject({
    canary: { percent: 60 },
    rolling: { stage: 1 },
  });
  const stale = platform.client.request("POST /api/projects/{project}/rollout/advance", {
    params: { project: "stepped" },
    body: { ifEpoch: 1 },
  });
  await expect(stale).rejects.toMatchObject({ problem: { code: "conflict" } });
  await ask(visitors, "stepped");
  expect(await rollout("stepped", "advance")).toMatchObject({ live: next.id, canary: null, rolling: null });
  await expect.poll(async () => new Set(await ask(visitors, "stepped"))).toEqual(new Set(["new"]));
  for (const { seen } of visitors) expect(seen.join(" ")).toMatch(/^(old )+new( new)*$/);
});

test("a project's own stages are those of every deploy and promote, unless others are given", async () => {
  const old = await deploy("own", site("old"));
  const set = (...flags: string[]) =>
    platform.json<{ settings: { rollingRelease: unknown; affinity: unknown } }>(
      "projects",
      "set",
      "own",
      ...flags,
    );
  expect(
    (await set("--stages", "30:1h,100", "--guard", "off", "--affinity", "region")).settings,
  ).toMatchObject({
    rollingRelease: { stages: [{ percent: 30, minutes: 60 }, { percent: 100 }], guard: null },
    affinity: "region",
  });
  expect((await set("--guard", "2")).settings).toMatchObject({
    rollingRelease: { stages: [{ percent: 30 }, { percent: 100 }], guard: { points: 2, requests: 50 } },
    affinity: "region",
  });
  const ran = await platform.cli("deploy", site("second"), "--prod", "--project", "own", "--yes", "--json");
  const second = JSON.parse(ran.stdout) as { id: string };
  expect(ran.stderr).toContain("30 % of the visitors get it; see `cloudify rollout status`");
  expect(await rollout("own")).toMatchObject({ canary: { deploymentId: second.id, percent: 30 } });
  expect(await platform.json("rollout", "abort", "--project", "own")).toMatchObject({ canary: null });
  expect(await platform.json("promote", second.id)).toMatchObject({ live: old.id, canary: { percent: 30 } });
  // Asked for once more, it is for everybody.
  expect(await platform.json("promote", second.id)).toMatchObject({ live: second.id, canary: null });
  expect(await platform.json("promote", old.id, "--stages", "7")).toMatchObject({ canary: { percent: 7 } });
  expect(await platform.json("rollback", "--project", "own")).toMatchObject({
    live: second.id,
    canary: null,
  });
  expect(await platform.json("promote", old.id, "--percent", "100")).toMatchObject({ live: old.id });
  expect((await set("--stages", "off", "--affinity", "off")).settings).toMatchObject({
    rollingRelease: null,
    affinity: null,
  });
  expect(await platform.json("promote", second.id)).toMatchObject({ live: second.id, canary: null });
});

test.each([
  ["percent_of_preview", ["deploy", ".", "--stages", "10,100"]],
  ["two_ways", ["deploy", ".", "--prod", "--percent", "10", "--stages", "10,100"]],
  ["two_ways", ["promote", "dpl_1", "--percent", "10", "--guard", "5"]],
  ["invalid_percent", ["promote", "dpl_1", "--stages", "much"]],
  ["invalid_guard", ["promote", "dpl_1", "--guard", "much"]],
  ["invalid_duration", ["promote", "dpl_1", "--stages", "10:soon,100"]],
])("%s: what the command line can't mean is refused before anything is sent", async (code, words) => {
  const ran = await platform.cli(...words, "--json", "--yes");
  expect([ran.code, JSON.parse(ran.stdout).error.code]).toEqual([2, code]);
});
