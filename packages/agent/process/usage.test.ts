import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { memoryByGroup, memoryUnder } from "./usage.ts";

const MEBIBYTE = 1_024 * 1_024;
/** Holds memory, and says which process it is. */
const HOLDER =
  "globalThis.held = Buffer.alloc(100 * 1024 * 1024, 1); console.log(process.pid); setInterval(() => {}, 1e6)";

test.runIf(process.platform === "linux")(
  "what a program has started counts as its own, also in a process group of its own",
  async () => {
    const words = ["-c", 'setsid "$0" -e "$1" & wait', process.execPath, HOLDER];
    const child = spawn("sh", words, { detached: true, stdio: ["ignore", "pipe", "ignore"] });
    const pid = child.pid ?? 0;
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    const holder = Number(said.toString());
    try {
      expect(memoryByGroup().get(pid) ?? 0).toBeLessThan(50 * MEBIBYTE);
      expect(memoryUnder(pid)).toBeGreaterThan(100 * MEBIBYTE);
      expect(memoryUnder(pid)).toBeLessThan(500 * MEBIBYTE);
    } finally {
      process.kill(holder, "SIGKILL");
      await once(child, "exit");
    }
  },
);
