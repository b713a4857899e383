/** What every driver guarantees of builds. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildJob, Driver } from "../../packages/agent/driver.ts";

const WAIT = { timeout: 40_000, interval: 50 };
const never = new AbortController().signal;

/** The builds are of a program with a start script: such need no tool that is installed first. */
export function builds(driver: () => Driver): void {
  describe("builds", () => {
    let home: string;
    let count = 0;
    beforeAll(() => {
      home = mkdtempSync(join(tmpdir(), "conformance-"));
    });
    afterAll(() => rmSync(home, { recursive: true, force: true }));

    /** @param script What the build does, as a program in the root of its source. */
    const job = (script: string): BuildJob & { lines: string[] } => {
      const root = join(home, String(++count));
      const [source, output, cache] = ["source", "output", "cache"].map((one) => join(root, one)) as [
        string,
        string,
        string,
      ];
      for (const folder of [source, output, cache]) mkdirSync(folder, { recursive: true });
      writeFileSync(join(source, "build.mjs"), script);
      const scripts = { start: "node dist/server.mjs" };
      writeFileSync(join(source, "package.json"), JSON.stringify({ name: "built", type: "module", scripts }));
      const lines: string[] = [];
      const id = `build.dpl_${count}`;
      const about = { team: "team_1", project: "prj_1", projectName: "shop", deployment: `dpl_${count}` };
      const settings = {
        rootDirectory: null,
        framework: null,
        installCommand: "true",
        buildCommand: "node build.mjs",
        outputDirectory: null,
        nodeVersion: null,
      };
      const told = {
        source: "0",
        target: "production",
        branch: null,
        settings,
        url: "x.localhost",
        limitMs: 60_000,
      };
      const task = { kind: "build", id, attempt: 1, ...about, ...told } as const;
      const env = { SECRET: "canary-build" };
      const onLine = (_level: string, text: string): void => void lines.push(text);
      return { task, env, secrets: ["SECRET"], sensitive: [], source, output, cache, onLine, lines };
    };

    const makes = `import { mkdirSync, writeFileSync } from "node:fs";
      console.log("builds with " + process.env.SECRET.length);
      mkdirSync("dist", { recursive: true });
      writeFileSync("dist/server.mjs", "// built");`;

    test("a build leaves its output, and its lines are told", async () => {
      const one = job(makes);
      expect(await driver().build(one, never)).toEqual({ ok: true });
      const made = readdirSync(one.output, { recursive: true, encoding: "utf8" });
      expect(made).toContain("config.json");
      const server = made.find((path) => path.endsWith("dist/server.mjs")) ?? "";
      expect(readFileSync(join(one.output, server), "utf8")).toBe("// built");
      expect(one.lines).toContain("builds with 12");
    });

    test("a build that fails says so, with its code and what can be done", async () => {
      const one = job(`console.error("it is broken"); process.exit(3);`);
      const end = await driver().build(one, never);
      expect(end).toMatchObject({ ok: false, code: expect.any(String), fix: expect.any(String) });
      expect(one.lines.join("\n")).toContain("it is broken");
    });

    test("a build that is aborted is over within 5 s, with all that it started", async () => {
      // Known by a number that no other run has.
      const seconds = String(60_000 + (process.pid % 30_000));
      const one = job(`import { spawn } from "node:child_process";
        process.on("SIGTERM", () => undefined);
        spawn("sleep", ["${seconds}"], { detached: true });
        console.log("waits");
        setInterval(() => undefined, 1_000);`);
      const abort = new AbortController();
      const end = driver().build(one, abort.signal);
      await expect.poll(() => one.lines, WAIT).toContain("waits");
      const began = performance.now();
      abort.abort();
      expect(await end).toMatchObject({ ok: false });
      await expect.poll(() => running(`sleep ${seconds}`), { timeout: 6_000, interval: 50 }).toEqual([]);
      expect(performance.now() - began).toBeLessThan(5_000);
    });
  });
}

/** Processes whose command line is this. */
function running(command: string): string[] {
  return execFileSync("ps", ["-eo", "stat=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => !line.startsWith("Z") && line.endsWith(` ${command}`));
}
