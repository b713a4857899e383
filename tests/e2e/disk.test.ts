import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";

/** A file system of its own, in memory, that can be made full and made larger again. */
const disk = mkdtempSync(join(tmpdir(), "cloudify-disk-"));
const mount = (...words: string[]) => execFileSync("mount", words, { stdio: "pipe" });
const canMount = (() => {
  try {
    mount("-t", "tmpfs", "-o", "size=200m", "cloudify-test", disk);
    return true;
  } catch {
    // No root here, or a container that may not.
    return false;
  }
})();

/** It is refused when something was written since the size was read; then the size is read again. */
function fill(): void {
  for (let tries = 20; ; tries--) {
    const { blocks, bfree, bsize } = statfsSync(disk);
    try {
      mount("-o", `remount,size=${(blocks - bfree) * bsize}`, disk);
      return;
    } catch (error) {
      if (tries === 0) throw error;
    }
  }
}
const free = () => mount("-o", "remount,size=200m", disk);

const platform = new TestPlatform(join(disk, "home"));

beforeAll(async () => {
  if (canMount) await platform.start();
});
afterAll(async () => {
  if (canMount) {
    await platform.remove();
    execFileSync("umount", [disk]);
  }
  rmSync(disk, { recursive: true, force: true });
});

const call = async (method: string, path: string, body?: object) => {
  const response = await fetch(platform.api + path, {
    method,
    headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/json" },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : JSON.parse(text) };
};

test.runIf(canMount)(
  "with a full disk nothing is half done, what is visited stays served, and space is all it needs",
  async () => {
    const files = tree({ "index.html": "still here" });
    expect(await call("POST", "/api/projects", { name: "site" })).toMatchObject({ status: 201 });
    const first = await deployTree(platform.client, "site", files, { target: "production" });
    const second = await deployTree(platform.client, "site", files, { target: "production" });
    expect([first.state, second.state]).toEqual(["ready", "ready"]);

    expect(await (await get(first.url)).text()).toBe("still here");

    fill();
    // What SQLite has set aside is used up first; then each write is refused.
    const names = Array.from({ length: 300 }, (_, n) => `p${n}`);
    let refused = "";
    for (const name of names) {
      const { status, body } = await call("POST", "/api/projects", { name });
      if (status === 201) continue;
      expect({ status, ...body }).toMatchObject({ status: 507, code: "insufficient_storage" });
      expect(body.fix).toContain("Free space");
      refused = name;
      break;
    }
    expect(refused).not.toBe("");
    const writes: [string, string, object?][] = [
      ["POST", "/api/tokens", { name: "t" }],
      ["POST", "/api/projects/site/env", { key: "A", value: "x".repeat(30_000), targets: ["production"] }],
      ["POST", `/api/deployments/${first.id}/promote`, {}],
      ["POST", `/api/deployments/${first.id}/redeploy`, {}],
      ["DELETE", "/api/projects/site"],
    ];
    const answers = [];
    for (const [method, path, body] of writes) answers.push([path, (await call(method, path, body)).status]);
    expect(answers).toEqual(writes.map(([, path]) => [path, 507]));
    expect(await (await get(first.url)).text()).toBe("still here");

    free();
    await expect
      .poll(async () => (await call("POST", "/api/projects", { name: refused })).status, { timeout: 20_000 })
      .toBe(201);
    expect(await call("POST", `/api/deployments/${first.id}/promote`, {})).toMatchObject({
      status: 200,
      body: { live: first.id },
    });
    const { team } = (await call("GET", "/api/me")).body;
    await expect
      .poll(async () => (await call("GET", `/api/teams/${team.id}/audit/verify`)).body, { timeout: 20_000 })
      .toMatchObject({ ok: true, brokenAt: null });
  },
);
