import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { unstable_readConfig } from "wrangler";
import { bundle } from "#scripts/platform/bundle.ts";
import { ROOT } from "#tests/support/platform.ts";

const ENVIRONMENTS = ["objects", "isolates", "bundler", "images", "api", "edge-router", "cron"];
const config = (env: string) =>
  unstable_readConfig({ config: join(ROOT, "wrangler.toml"), env }, { hideWarnings: true });

test("every class, script, queue and entry point that is named is there", async () => {
  const objects = await bundle(config("objects").main ?? "");
  const exported = new Set([...objects.matchAll(/^\s+(\w+),?$/gm)].map((found) => found[1]));
  const names = new Set(ENVIRONMENTS.map((env) => config(env).name));
  const queues = new Set(config("cron").queues.consumers?.map((one: { queue: string }) => one.queue));
  for (const env of ENVIRONMENTS) {
    const { main, name, durable_objects, services, queues: own } = config(env);
    expect(name).toBe(`cloudify-${env}`);
    expect(existsSync(main ?? "")).toBe(true);
    for (const binding of durable_objects.bindings) {
      expect([env, binding.class_name, exported.has(binding.class_name)]).toEqual([
        env,
        binding.class_name,
        true,
      ]);
      if (env !== "objects") expect(binding.script_name).toBe("cloudify-objects");
    }
    for (const service of services ?? []) expect(names).toContain(service.service);
    for (const producer of own.producers ?? []) expect(queues).toContain(producer.queue);
  }
});

test.each(ENVIRONMENTS)("%s passes a dry run of its deploy", async (env) => {
  const out = mkdtempSync(join(tmpdir(), "cloudify-dry-"));
  const words = [
    join(ROOT, "node_modules/wrangler/bin/wrangler.js"),
    "deploy",
    "--dry-run",
    "--env",
    env,
    "--outdir",
    out,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, words, {
    cwd: ROOT,
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" },
  });
  expect(stdout).toContain("--dry-run: exiting now");
  rmSync(out, { recursive: true });
});
