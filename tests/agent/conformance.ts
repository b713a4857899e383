/** What every driver guarantees, whatever it runs workloads on; packages/agent/driver.ts says it in prose. */
import type { WorkloadFile, WorkloadStatus } from "@cloudify/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Driver, Stamp, Wish, WorkloadLine } from "../../packages/agent/driver.ts";
import { builds } from "./conformance-builds.ts";

export interface Bench {
  driver: Driver;
  statuses: WorkloadStatus[];
  lines: WorkloadLine[];
  /** Makes the bytes known to the driver's source of blobs. */
  file(text: string): WorkloadFile;
  /** Asks a workload as the edge does, through the ingress. */
  ask(deployment: string, path: string): Promise<Response>;
  /** The agent ends, and another begins with the same home or cluster. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface Traits {
  /** Whether what runs goes on when the agent ends. */
  outlives: boolean;
}

const WAIT = { timeout: 40_000, interval: 50 };
const never = new AbortController().signal;

/** Answers with what it is, in whose process, and what it was given. */
const program = (text: string): string => `import { createServer } from "node:http";
console.log("begins: ${text}");
createServer((req, res) => {
  // Once it has answered: a request that is left unanswered may be asked again.
  if (req.url === "/crash") return res.end("{}", () => { console.error("as it was told"); process.exit(7); });
  if (req.url === "/secret") console.log("the secret is " + process.env.SECRET);
  res.end(JSON.stringify({ text: ${JSON.stringify(text)}, pid: process.pid, secret: process.env.SECRET, url: req.url }));
}).listen(process.env.PORT);`;

export function wishFor(bench: Pick<Bench, "file">, deployment: string, stamp: Stamp, text: string): Wish {
  const id = `${deployment}.node`;
  const about = { id, generation: stamp.generation, team: "team_1", project: "prj_1", deployment };
  const run = { kind: "service", command: "exec node server.mjs", maxDuration: 60 } as const;
  const files = { "server.mjs": bench.file(program(text)) };
  const spec = { v: 1, group: "node", node: 24, memory: 128, run, files } as const;
  const material = { ...about, spec, env: { SECRET: `canary-${deployment}` }, secrets: ["SECRET"] };
  return { id, stamp, isWarm: true, material };
}

export function conformance(name: string, { outlives }: Traits, open: () => Promise<Bench>): void {
  describe(`${name}: the guarantees of a driver`, () => {
    let bench: Bench;
    beforeAll(async () => {
      bench = await open();
    });
    afterAll(() => bench?.stop());

    const wish = (deployment: string, stamp: Stamp, text: string): Wish =>
      wishFor(bench, deployment, stamp, text);
    const apply = (one: Wish) => bench.driver.apply(one, never);
    const said = (deployment: string) => bench.statuses.findLast(({ id }) => id === `${deployment}.node`);
    const ready = (deployment: string, generation: number) =>
      expect.poll(() => said(deployment), WAIT).toMatchObject({ ready: "true", generation });
    const answer = async (deployment: string, path = "/") =>
      (await (await bench.ask(deployment, path)).json()) as {
        text: string;
        pid: number;
        secret: string;
        url: string;
      };
    const listed = async (deployment: string) =>
      (await bench.driver.list()).find(({ id }) => id === `${deployment}.node`);

    test("what is applied becomes ready, is asked with the path that was asked for, and has its environment", async () => {
      expect(await apply(wish("dpl_a", { epoch: 1, generation: 1 }, "one"))).toEqual({ ok: true });
      await ready("dpl_a", 1);
      expect(await answer("dpl_a", "/x?y=1")).toMatchObject({
        text: "one",
        secret: "canary-dpl_a",
        url: "/x?y=1",
      });
      expect(said("dpl_a")).toMatchObject({ reason: "Ready", restarts: 0 });
      expect(await listed("dpl_a")).toMatchObject({
        stamp: { epoch: 1, generation: 1 },
        status: { ready: "true" },
      });
      await expect
        .poll(() => bench.lines, WAIT)
        .toContainEqual(
          expect.objectContaining({
            deployment: "dpl_a",
            function: null,
            level: "info",
            text: "begins: one",
          }),
        );
    });

    test("said again, it changes nothing: the same process answers", async () => {
      const one = wish("dpl_b", { epoch: 1, generation: 2 }, "one");
      await apply(one);
      await ready("dpl_b", 2);
      const { pid } = await answer("dpl_b");
      expect(await apply(one)).toEqual({ ok: true });
      // Neither a new epoch nor a new generation of the same replaces what runs.
      expect(await apply({ ...one, stamp: { epoch: 2, generation: 2 } })).toEqual({ ok: true });
      expect(await apply({ ...one, stamp: { epoch: 2, generation: 3 } })).toEqual({ ok: true });
      await ready("dpl_b", 3);
      expect((await answer("dpl_b")).pid).toBe(pid);
    });

    test("a newer generation replaces the older one, and no request fails meanwhile", async () => {
      await apply(wish("dpl_c", { epoch: 2, generation: 4 }, "old"));
      await ready("dpl_c", 4);
      let isOver = false;
      const failures: number[] = [];
      const asking = (async () => {
        while (!isOver) {
          const { status } = await bench.ask("dpl_c", "/");
          if (status !== 200) failures.push(status);
        }
      })();
      expect(await apply(wish("dpl_c", { epoch: 2, generation: 5 }, "new"))).toEqual({ ok: true });
      await ready("dpl_c", 5);
      await expect.poll(async () => (await answer("dpl_c")).text, WAIT).toBe("new");
      isOver = true;
      await asking;
      expect(failures).toEqual([]);
    });

    test("an older epoch or generation is refused, and changes nothing", async () => {
      await apply(wish("dpl_d", { epoch: 2, generation: 7 }, "kept"));
      await ready("dpl_d", 7);
      const { pid } = await answer("dpl_d");
      for (const stamp of [
        { epoch: 1, generation: 9 },
        { epoch: 2, generation: 6 },
      ]) {
        const refused = { ok: false, reason: "fenced", detail: expect.any(String) };
        expect(await apply(wish("dpl_d", stamp, "late"))).toEqual(refused);
        expect(await bench.driver.remove("dpl_d.node", stamp, never)).toEqual(refused);
      }
      expect(await answer("dpl_d")).toMatchObject({ text: "kept", pid });
      expect((await listed("dpl_d"))?.stamp).toEqual({ epoch: 2, generation: 7 });
    });

    test("a tombstone removes one workload and no other; of what is not there it says ok", async () => {
      await apply(wish("dpl_e", { epoch: 2, generation: 8 }, "goes"));
      await apply(wish("dpl_f", { epoch: 2, generation: 9 }, "stays"));
      await ready("dpl_e", 8);
      await ready("dpl_f", 9);
      expect(await bench.driver.remove("dpl_e.node", { epoch: 2, generation: 10 }, never)).toEqual({
        ok: true,
      });
      expect(await listed("dpl_e")).toBeUndefined();
      await expect.poll(async () => (await bench.ask("dpl_e", "/")).status, WAIT).not.toBe(200);
      expect((await answer("dpl_f")).text).toBe("stays");
      expect(await bench.driver.remove("dpl_e.node", { epoch: 2, generation: 10 }, never)).toEqual({
        ok: true,
      });
      expect(await bench.driver.remove("dpl_never.node", { epoch: 2, generation: 11 }, never)).toEqual({
        ok: true,
      });
    });

    test("a program that ends is started again; its status says why, and counts", async () => {
      await apply(wish("dpl_g", { epoch: 2, generation: 12 }, "falls"));
      await ready("dpl_g", 12);
      const { pid } = await answer("dpl_g");
      await bench.ask("dpl_g", "/crash").catch(() => null);
      const crashes = () =>
        bench.statuses.filter(({ id, reason }) => id === "dpl_g.node" && reason === "Crashed");
      await expect.poll(crashes, WAIT).not.toEqual([]);
      expect(crashes()[0]).toMatchObject({ ready: "false", generation: 12 });
      expect(crashes()[0]?.detail).toMatch(/7[\s\S]*as it was told/);
      await ready("dpl_g", 12);
      expect(said("dpl_g")?.restarts).toBe(1);
      expect((await answer("dpl_g")).pid).not.toBe(pid);
    });

    test("a secret that a program prints appears in no line, and in no status", async () => {
      await apply(wish("dpl_h", { epoch: 2, generation: 13 }, "tells"));
      await ready("dpl_h", 13);
      await answer("dpl_h", "/secret");
      const told = () =>
        bench.lines.filter(
          ({ deployment, text }) => deployment === "dpl_h" && text.includes("the secret is"),
        );
      await expect.poll(told, WAIT).toHaveLength(1);
      expect(JSON.stringify([bench.lines, bench.statuses])).not.toContain("canary-");
    });

    test("what is not to be warm is ready without a process, and starts with its first request", async () => {
      const one = wish("dpl_k", { epoch: 2, generation: 14 }, "sleeps");
      expect(await apply({ ...one, isWarm: false })).toEqual({ ok: true });
      await expect
        .poll(() => said("dpl_k"), WAIT)
        .toMatchObject({ ready: "true", reason: "Idle", generation: 14 });
      expect(bench.lines.some(({ text }) => text === "begins: sleeps")).toBe(false);
      expect((await answer("dpl_k")).text).toBe("sleeps");
      await expect.poll(() => said("dpl_k"), WAIT).toMatchObject({ ready: "true", reason: "Ready" });
    });

    test("a wish that can't be fulfilled is refused as invalid, whoever asks", async () => {
      const one = wish("dpl_i", { epoch: 2, generation: 14 }, "odd");
      const refused = await apply({ ...one, id: "../dpl_i" });
      expect(refused).toMatchObject({ ok: false, reason: "invalid" });
    });

    test(`when the agent begins again, ${outlives ? "what ran runs, and is listed" : "nothing is left"}`, async () => {
      const one = wish("dpl_j", { epoch: 2, generation: 15 }, "before");
      await apply(one);
      await ready("dpl_j", 15);
      const { pid } = await answer("dpl_j");
      await bench.restart();
      const found = await listed("dpl_j");
      if (outlives) {
        expect(found).toMatchObject({ stamp: one.stamp, status: { ready: "true", generation: 15 } });
        expect((await answer("dpl_j")).pid).toBe(pid);
      } else {
        expect(found).toBeUndefined();
      }
      expect(await apply(one)).toEqual({ ok: true });
      await ready("dpl_j", 15);
      if (outlives) expect((await answer("dpl_j")).pid).toBe(pid);
    });

    test("it says what it carries", async () => {
      const load = await bench.driver.load();
      expect(load.workloads).toBe((await bench.driver.list()).length);
      expect(load.cpu).toBeGreaterThanOrEqual(0);
      expect(load.cpu).toBeLessThanOrEqual(1);
      expect(load.memoryBytes).toBeGreaterThan(0);
    });

    builds(() => bench.driver);
  });
}
