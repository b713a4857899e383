import { afterEach, beforeEach, expect, test } from "vitest";
import { deploy, finished, isReady, outputOf, sha256, startPlatform, type TestPlatform } from "./platform.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
let platform: TestPlatform;
beforeEach(async () => {
  platform = await startPlatform();
  await platform.call("POST", "/api/projects", { name: "web" });
});
afterEach(() => platform.stop());

const keys = async (prefix: string) => (await platform.store.list({ prefix })).objects.map((one) => one.key);
const css = (text: string) => `/* ${text} */ body { color: red }\n`.repeat(100);

test("after a day the collector takes what no manifest names, and nothing else", async () => {
  const kept = await deploy(platform, "web", { "static/kept.css": css("kept") });
  const gone = await deploy(platform, "web", { "static/gone.css": css("gone") });
  await platform.upload("never deployed");
  const cut = sha256("cut");
  await platform.call("POST", `/api/blobs/${cut}/parts`, { size: 10 });
  await platform.call("PUT", `/api/blobs/${cut}/parts/1`, "0123456789");
  expect((await platform.call("DELETE", `/api/deployments/${gone.id}`)).status).toBe(204);
  await platform.store.put(`blobs/team_nobody/${sha256("lost")}`, "lost");
  await platform.store.put(`sites/${"0".repeat(64)}`, "{}");

  await platform.turnClock(23 * HOUR);
  await platform.tick();
  expect(await keys("encoded/")).toHaveLength(4);
  expect(await platform.db.prepare("select count(*) as n from uploads").first("n")).toBe(1);

  await platform.turnClock(25 * HOUR);
  await platform.tick();
  const named = [sha256(css("kept")), sha256('{"version":3}')];
  const blobs = await keys("blobs/");
  for (const digest of named) expect(blobs.some((key) => key.endsWith(digest))).toBe(true);
  expect(blobs).toHaveLength(named.length + 1);
  expect(await keys("encoded/")).toHaveLength(2);
  expect(await keys("sites/")).toHaveLength(1);
  expect(await platform.db.prepare("select count(*) as n from uploads").first("n")).toBe(0);
  expect(await platform.db.prepare("select count(*) as n from upload_parts").first("n")).toBe(0);
  expect((await platform.call("GET", `/api/deployments/${kept.id}`)).body.state).toBe("ready");
});

test("a function's code and its maps stay while a site names them, and go a day after the last one", async () => {
  const tree = (text: string) => ({
    "functions/api/hello.func/.vc-config.json": '{"runtime":"edge","entrypoint":"index.js"}',
    "functions/api/hello.func/index.js": `export default () => new Response("${text}")`,
    "functions/api/hello.func/index.js.map": JSON.stringify({
      version: 3,
      sources: ["hello.ts"],
      names: [],
      mappings: "AAAA",
    }),
  });
  const kept = await deploy(platform, "web", tree("kept"));
  const code = await keys("functions/");
  expect(code.map((key) => key.endsWith(".maps")).sort()).toEqual([false, true]);
  const gone = await deploy(platform, "web", tree("gone"));
  const twin = await deploy(platform, "web", { ...tree("kept"), "static/more.txt": "more" });
  await platform.store.put(`dispatched/${kept.id}/functions/fn-1`, "kept");
  await platform.store.put(`dispatched/${gone.id}/functions/fn-2`, "gone");
  // Of another team: the same code, which none of its sites names.
  await platform.store.put(`functions/team_nobody/${code[0]?.split("/")[2]}`, "lost");
  for (const { id } of [gone, twin]) await platform.call("DELETE", `/api/deployments/${id}`);

  await platform.turnClock(23 * HOUR);
  await platform.tick();
  expect(await keys("functions/")).toHaveLength(5);
  expect(await keys("dispatched/")).toHaveLength(2);
  await platform.turnClock(25 * HOUR);
  await platform.tick();
  expect(await keys("functions/")).toEqual(code);
  expect(await keys("dispatched/")).toEqual([`dispatched/${kept.id}/functions/fn-1`]);

  expect((await platform.call("DELETE", `/api/deployments/${kept.id}`)).status).toBe(204);
  await platform.tick();
  await platform.tick();
  expect(await keys("functions/")).toEqual([]);
  expect(await keys("dispatched/")).toEqual([]);
  expect(await platform.db.prepare("select count(*) as n from site_functions").first("n")).toBe(0);
});

test("naming a blob keeps it for another day, even when nothing came of it", async () => {
  await platform.upload("wanted soon");
  const files = [{ path: "static/a", sha256: sha256("wanted soon"), size: 11 }];
  await platform.turnClock(20 * HOUR);
  const missing = [...files, { path: "config.json", sha256: sha256("no"), size: 2 }];
  await platform.call("POST", "/api/projects/web/deployments", { files: missing });
  await platform.turnClock(30 * HOUR);
  await platform.tick();
  expect(await keys("blobs/")).toHaveLength(1);
});

test("while the collector deletes a file nobody can upload it, and what a crash left half deleted is finished", async () => {
  const digest = await platform.upload("half deleted");
  await platform.db.prepare("update blobs set touched_at = 0 where sha256 = ?").bind(digest).run();
  const files = [{ path: "config.json", sha256: digest, size: 12 }];
  const asked = await platform.call("POST", "/api/projects/web/deployments", { files });
  expect(asked.body.missing).toEqual([digest]);
  const refused = await platform.call("PUT", `/api/blobs/${digest}`, "half deleted");
  expect(refused).toMatchObject({ status: 503, body: { code: "unavailable" } });
  await platform.tick();
  expect(await keys("blobs/")).toEqual([]);
  await platform.upload("half deleted");
  expect(await keys("blobs/")).toHaveLength(1);
});

test("a file whose bytes are lost is named in the error, and asked for by the next deployment", async () => {
  const tree = { "static/a.css": css("lost") };
  const { files, contents } = outputOf(tree);
  for (const text of contents) await platform.upload(text);
  const [key = ""] = (await keys("blobs/")).filter((one) => one.endsWith(sha256(css("lost"))));
  await platform.store.delete(key);
  const made = await platform.call("POST", "/api/projects/web/deployments", { files });
  const done = await finished(platform, made.body.id);
  expect(done).toMatchObject({ state: "error", error: { code: "lost_file" } });
  const again = await platform.call("POST", "/api/projects/web/deployments", { files });
  expect(again.body.missing).toEqual([sha256(css("lost"))]);
  expect((await deploy(platform, "web", tree)).state).toBe("ready");
});

test("a deployment whose object never heard of it is found by the sweeper, and can be canceled before that", async () => {
  const { id } = await deploy(platform, "web", { "static/index.html": "x" });
  const forget = async (copy: string) => {
    const columns = (await platform.db.prepare("pragma table_info(deployments)").all<{ name: string }>())
      .results;
    const names = columns.map((column) => column.name);
    const values = names.map((name) =>
      name === "id"
        ? `'${copy}'`
        : name === "status"
          ? "'queued'"
          : name.endsWith("_seq") || name === "updated_at"
            ? "0"
            : name,
    );
    const from = `select ${values.join(", ")} from deployments where id = ?`;
    await platform.db
      .prepare(`insert into deployments (${names.join(", ")}) ${from}`)
      .bind(id)
      .run();
    await platform.db
      .prepare(
        "insert into manifest_blobs select team_id, sha256, ?1 from manifest_blobs where deployment_id = ?2",
      )
      .bind(copy, id)
      .run();
  };
  await forget(`dpl_${"0".repeat(26)}`);
  const canceled = await platform.call("POST", `/api/deployments/dpl_${"0".repeat(26)}/cancel`);
  expect(canceled).toMatchObject({ status: 200, body: { state: "canceled" } });
  await forget(`dpl_${"1".repeat(26)}`);
  await platform.tick();
  expect((await isReady(platform, `dpl_${"1".repeat(26)}`)).state).toBe("ready");
});

test("retention keeps what is served, the last of each kind, and what a rollback goes back to", async () => {
  const production: string[] = [];
  for (let i = 0; i < 7; i++)
    production.push((await deploy(platform, "web", { "static/index.html": `p${i}` }, "production")).id);
  const previews: string[] = [];
  for (let i = 0; i < 22; i++)
    previews.push((await deploy(platform, "web", { "static/index.html": `v${i}` })).id);

  await platform.turnClock(29 * DAY);
  await platform.tick();
  const count = () => platform.db.prepare("select count(*) as n from deployments").first("n");
  expect(await count()).toBe(29);
  await platform.turnClock(100 * DAY);
  await platform.tick();
  expect(await count()).toBe(27);
  for (const id of previews.slice(0, 2))
    expect((await platform.call("GET", `/api/deployments/${id}`)).status).toBe(404);
  const entries = await platform.db
    .prepare("select actor_type, actor_id from audit_entries where action = 'deployment.remove'")
    .all();
  expect(entries.results).toEqual(Array(2).fill({ actor_type: "system", actor_id: "retention" }));
  const back = await platform.call("POST", "/api/projects/web/rollback");
  expect(back.body.live).toBe(production[5]);
  expect((await platform.call("GET", `/api/deployments/${production[0]}`)).body.state).toBe("ready");
}, 90_000);

test("a project that is removed meanwhile gets no deployment, and nothing is left of it", async () => {
  const { files, contents } = outputOf({ "static/index.html": "x" });
  for (const text of contents) await platform.upload(text);
  const answers = await Promise.all([
    ...Array.from({ length: 8 }, (_, i) => {
      const target = i % 2 ? "production" : "preview";
      return platform.call("POST", "/api/projects/web/deployments", { files, target });
    }),
    platform.call("DELETE", "/api/projects/web"),
  ]);
  expect(answers.every(({ status }) => [201, 204, 404].includes(status))).toBe(true);
  await platform.tick();
  for (const table of ["deployments", "hosts", "manifest_blobs"]) {
    const left = await platform.db.prepare(`select count(*) as n from ${table}`).first("n");
    expect({ table, left }).toEqual({ table, left: 0 });
  }
});
