/**
 * The cron Worker: every minute each feature's reconcilers, and the queue of tasks. A reconciler takes no input, can be
 * run at any time, and one that fails stops no other.
 */
import type { Base } from "#core/ctx.ts";
import { logText } from "#core/log.ts";
import { drain } from "#core/outbox.ts";
import { Problem } from "#core/problem.ts";
import { forgetKeys } from "#features/accounts/jobs.ts";
import { sealAll } from "#features/audit/seal.ts";
import { type ControlEnv, makeBase, systemSeams } from "#features/base.ts";
import { collectBlobs } from "#features/blobs/jobs.ts";
import { sweepStore } from "#features/blobs/sweep.ts";
import { runCompile } from "#features/deployments/compile-task.ts";
import { wakeOrphans } from "#features/deployments/jobs.ts";
import { retire } from "#features/deployments/retention.ts";
import type { CompileTask } from "#features/deployments/rpc.ts";
import { effects } from "#features/effects.ts";
import { rotateDataKeys } from "#features/env-vars/keys.ts";
import { wakePointers } from "#features/pointers/jobs.ts";
import { wakeRegions } from "#features/regions/jobs.ts";
import { Shares } from "#features/sites/shares.ts";

type Report = Record<string, number>;

/** Bytes of files that the compiles of one batch hold in memory at once; their compressed forms come on top. */
const MEMORY_BYTES = 24 * 1024 * 1024;

const JOBS: Record<string, (base: Base) => Promise<Report>> = {
  outbox: (base) => drain(base, effects),
  orphans: wakeOrphans,
  pointers: wakePointers,
  regions: wakeRegions,
  audit: sealAll,
  retention: retire,
  collector: collectBlobs,
  sweep: sweepStore,
  idempotency: forgetKeys,
  keys: rotateDataKeys,
};

export default {
  fetch: (request) =>
    new URL(request.url).pathname === "/health"
      ? Response.json({ status: "ok" }, { headers: { "cache-control": "no-store" } })
      : new Problem("not_found", "This Worker answers /health only.").toResponse(),

  async scheduled(_, env, ctx): Promise<void> {
    const base = makeBase(env, systemSeams(env), (work) => ctx.waitUntil(work));
    for (const [job, run] of Object.entries(JOBS)) {
      try {
        const report = await run(base);
        const isIdle = Object.values(report).every((count) => count === 0);
        if (!isIdle) console.log(JSON.stringify({ level: "info", at: "cron", job, ...report }));
      } catch (error) {
        console.error(JSON.stringify({ level: "error", at: "cron", job, error: logText(error) }));
      }
    }
  },

  /** A message is a poke: what there is to do stands in the objects, so each is acknowledged whatever comes of it. */
  async queue(batch, env, ctx): Promise<void> {
    const base = makeBase(env, systemSeams(env), (work) => ctx.waitUntil(work));
    const memory = new Shares(MEMORY_BYTES);
    await Promise.all(
      batch.messages.map(async (message) => {
        await runCompile(base, message.body, memory).catch((error: unknown) => {
          const about = { level: "error", at: "queue", ...message.body, error: logText(error) };
          console.error(JSON.stringify(about));
        });
        message.ack();
      }),
    );
  },
} satisfies ExportedHandler<ControlEnv, CompileTask>;
