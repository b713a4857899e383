/**
 * A workerd process with a watchdog: it is asked again and again whether it is still there, its memory is looked at, and
 * it is ended and replaced when it must be. Knows nothing of what runs in it.
 */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { spawnWorkerd, type WorkerdProcess } from "./workerd.ts";

const ASK_EVERY_MS = 250;
/** A young process may take longer: it reads its configuration. */
const START_MS = 10_000;
const MEMORY_BYTES = 1_024 * 1_024 * 1_024;

export interface Watched {
  /** Says in the log which process it is. */
  name: string;
  port: number;
  /** Holds `config.capnp`. */
  folder: string;
  /** Path of workerd's binary. */
  binary: string;
  /** What it is asked with. */
  key: string;
  /** It may hold its thread for so long. */
  silenceMs: number;
  /** Takes what the watchdog did, and why. */
  onEvent(event: Record<string, unknown>): void;
  onPid(pid: number): void;
}

/** `retired`: it asks to be replaced, since it is full and nothing runs in it. */
type Answer = "alive" | "retired" | "none";

/** One place, whatever process stands in it at the moment. */
export class WatchedProcess {
  readonly #about: Watched;
  #process: WorkerdProcess | null = null;
  #isStopping = false;
  #wasEnded = false;
  readonly #loop: Promise<void>;

  constructor(about: Watched) {
    this.#about = about;
    this.#loop = this.#watch();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#process?.stop();
    await this.#loop;
  }

  /** Starts it, watches it until it ends, and starts it again. */
  async #watch(): Promise<void> {
    while (!this.#isStopping) {
      let last = "";
      // Customers' console lines may stand here, once it has run any: they are for their deployments' logs alone.
      const { binary, folder, silenceMs } = this.#about;
      const held = await spawnWorkerd(binary, folder, "config.capnp", (chunk) => {
        last = (last + chunk.toString()).slice(-2_000);
      });
      this.#process = held;
      this.#about.onPid(held.pid);
      let hasEnded = false;
      let hasAnswered = false;
      void held.ended.then(() => {
        hasEnded = true;
      });
      let seenAt = Date.now() + START_MS - silenceMs;
      while (!hasEnded && !this.#isStopping) {
        const memory = memoryOf(held.pid);
        const answer = await this.#ask(memory);
        const isAlive = answer !== "none";
        if (isAlive) seenAt = Date.now();
        hasAnswered ||= isAlive;
        const silent = Date.now() - seenAt;
        if (answer === "retired")
          this.#end(held.pid, `makes room: it holds ${Math.round(memory / 1e6)} MB`, "info");
        else if (silent > silenceMs) this.#end(held.pid, `has been silent for ${silent} ms`);
        else if (memory > MEMORY_BYTES) this.#end(held.pid, `holds ${Math.round(memory / 1e6)} MB`);
        else {
          await Promise.race([held.ended, new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS))]);
          continue;
        }
        await held.ended;
      }
      await held.ended;
      if (!this.#isStopping && !this.#wasEnded) {
        const ended = hasAnswered ? "by itself" : last.trim();
        this.#about.onEvent({ level: "warn", at: this.#about.name, ended });
        // One that can't start must not be started without a pause.
        await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
      }
      this.#wasEnded = false;
    }
  }

  #end(pid: number, why: string, level: "info" | "warn" = "warn"): void {
    const { name, port, onEvent } = this.#about;
    onEvent({ level, at: "watchdog", name, port, pid, why });
    this.#wasEnded = true;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself meanwhile.
    }
  }

  /** A bare question on a fresh connection: an answer shows that nothing holds the thread. It is told its own memory. */
  #ask(memory: number): Promise<Answer> {
    return new Promise((resolve) => {
      const socket = connect(this.#about.port, "127.0.0.1");
      let said = "";
      const settle = (answer: Answer) => {
        clearTimeout(timer);
        socket.destroy();
        resolve(answer);
      };
      const timer = setTimeout(settle, ASK_EVERY_MS * 2, "none");
      const head = [
        `x-cloudify-key: ${this.#about.key}`,
        `x-cloudify-memory: ${memory}`,
        "connection: close",
      ];
      socket.once("connect", () => {
        socket.write(`GET / HTTP/1.1\r\nhost: watchdog\r\n${head.join("\r\n")}\r\n\r\n`);
      });
      socket.on("data", (chunk: Buffer) => {
        said += chunk.toString("latin1");
      });
      socket.once("end", () =>
        settle(said === "" ? "none" : said.endsWith("retired\n") ? "retired" : "alive"),
      );
      socket.once("error", () => settle("none"));
    });
  }
}

/** Bytes of resident memory; 0 where there is no /proc. */
function memoryOf(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}
