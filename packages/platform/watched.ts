/**
 * A workerd process with a watchdog: it is asked again and again whether it is still there, its memory is looked at, and
 * it is ended and replaced when it must be. Knows nothing of what runs in it.
 */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { spawnWorkerd, type WorkerdProcess } from "./workerd.ts";

const ASK_EVERY_MS = 250;
/** Until it has answered for the first time: others wait for that. */
const ASK_YOUNG_EVERY_MS = 25;
/** A young process may take longer: it reads its configuration. */
const START_MS = 10_000;
const MEMORY_BYTES = 1_024 * 1_024 * 1_024;

/** Why a process ended; `start`: there was none before. */
export type Ending = "silence" | "memory" | "itself" | "retired" | "start";

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
  /** It may hold so much resident memory; 1 GiB when this is not said. */
  memoryBytes?: number;
  /** `ever`: the most that it held since it started is what counts; `now` when this is not said. */
  memoryOf?: "now" | "ever";
  /** Called before each start, with how many there were, and why the process before it ended. */
  onStart?(serial: number, why: Ending): void;
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
  /** Why the watchdog ended it; `itself`: it did not. */
  #ending: Ending = "start";
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
    for (let serial = 1; !this.#isStopping; serial++) {
      let last = "";
      // Customers' console lines may stand here, once it has run any: they are for their deployments' logs alone.
      const { binary, folder, silenceMs } = this.#about;
      this.#about.onStart?.(serial, this.#ending);
      this.#ending = "itself";
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
        const answer = await this.#ask(memoryOf(held.pid, "now"));
        const isAlive = answer !== "none";
        if (isAlive) seenAt = Date.now();
        hasAnswered ||= isAlive;
        const silent = Date.now() - seenAt;
        // Looked at after its answer: what the last call in it took is not missed.
        const memory = memoryOf(held.pid, this.#about.memoryOf ?? "now");
        const size = `${Math.round(memory / 1e6)} MB`;
        if (silent > silenceMs) this.#end(held.pid, "silence", `has been silent for ${silent} ms`);
        else if (memory > (this.#about.memoryBytes ?? MEMORY_BYTES))
          this.#end(held.pid, "memory", `holds ${size}`);
        else if (answer === "retired") this.#end(held.pid, "retired", `makes room: it holds ${size}`);
        else {
          const pause = hasAnswered ? ASK_EVERY_MS : ASK_YOUNG_EVERY_MS;
          await Promise.race([held.ended, new Promise((resolve) => setTimeout(resolve, pause))]);
          continue;
        }
        await held.ended;
      }
      await held.ended;
      if (!this.#isStopping && this.#ending === "itself") {
        const ended = hasAnswered ? "by itself" : last.trim();
        this.#about.onEvent({ level: "warn", at: this.#about.name, ended });
        // One that can't start must not be started without a pause.
        await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
      }
    }
  }

  #end(pid: number, ending: Ending, why: string): void {
    const { name, port, onEvent } = this.#about;
    onEvent({ level: ending === "retired" ? "info" : "warn", at: "watchdog", name, port, pid, why });
    this.#ending = ending;
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
function memoryOf(pid: number, when: "now" | "ever"): number {
  const line = when === "now" ? /VmRSS:\s+(\d+)/ : /VmHWM:\s+(\d+)/;
  try {
    return Number(line.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}
