/** A container, played by a process group of this machine. Its image, its confinement and its limits are not played. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";

export interface ContainerEnd {
  exitCode: number;
  reason: string;
  message?: string;
  startedAt: string;
  finishedAt: string;
}

/** What `terminationMessagePolicy: FallbackToLogsOnError` takes of the log. */
const MESSAGE_LINES = 80;
const MESSAGE_CHARS = 2_048;
/** Variable by which the processes of one container are found. */
const MARK = "KUBE_CONTAINER";

/** What one run of a container has printed, and goes on to. */
export class Printed extends EventEmitter<{ line: [string]; end: [] }> {
  /** `<RFC 3339 with nanoseconds> <line>`. */
  readonly lines: string[] = [];
  isOver = false;
  #last = 0;

  add(text: string): void {
    // Never the same instant twice, as a real node's clock gives none twice.
    this.#last = Math.max(this.#last + 1, Date.now() * 1_000_000);
    const [second = ""] = new Date(this.#last / 1_000_000).toISOString().split(".");
    const line = `${second}.${String(this.#last % 1_000_000_000).padStart(9, "0")}Z ${text}`;
    this.lines.push(line);
    this.emit("line", line);
  }

  end(): void {
    this.isOver = true;
    this.emit("end");
  }
}

export class Container {
  readonly startedAt = new Date().toISOString().replace(/\.\d+/, "");
  readonly printed = new Printed();
  readonly ended: Promise<ContainerEnd>;
  readonly #child: ChildProcess;

  readonly #saying: string;
  readonly #mark = randomBytes(12).toString("hex");

  /** @param saying File in which it may say why it ended. */
  constructor(command: readonly string[], env: Record<string, string>, cwd: string, saying: string) {
    this.#saying = saying;
    rmSync(saying, { force: true });
    this.printed.setMaxListeners(0);
    // Ends with this process, even when it is killed.
    const words = ["--pdeathsig", "KILL", "--", ...command];
    const marked = { ...env, [MARK]: this.#mark };
    this.#child = spawn("setpriv", words, {
      cwd,
      env: marked,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.ended = this.#run();
  }

  /** SIGTERM, after the grace SIGKILL, to all that it has started in its group. */
  async stop(graceMs: number): Promise<void> {
    this.#signal("SIGTERM");
    const late = setTimeout(() => this.#signal("SIGKILL"), graceMs);
    await this.ended;
    clearTimeout(late);
  }

  exec(command: readonly string[]): Promise<void> {
    const [program = "true", ...words] = command;
    return new Promise((resolve) => execFile(program, words, () => resolve()));
  }

  async #run(): Promise<ContainerEnd> {
    const child = this.#child;
    const streams = [child.stdout, child.stderr].flatMap((input) =>
      input ? [createInterface({ input })] : [],
    );
    for (const stream of streams) stream.on("line", (line) => this.printed.add(line));
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    this.#endRest();
    this.printed.end();
    const exitCode = code ?? (signal === "SIGKILL" ? 137 : 143);
    return {
      exitCode,
      reason: exitCode === 0 ? "Completed" : "Error",
      ...(exitCode !== 0 && { message: this.#said() }),
      startedAt: this.startedAt,
      finishedAt: new Date().toISOString().replace(/\.\d+/, ""),
    };
  }

  /** Nothing outlives its container, whatever group it has gone to. */
  #endRest(): void {
    const sought = `${MARK}=${this.#mark}\0`;
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        if (readFileSync(`/proc/${pid}/environ`, "latin1").includes(sought))
          process.kill(Number(pid), "SIGKILL");
      } catch {
        // It has ended.
      }
    }
  }

  #said(): string {
    if (existsSync(this.#saying)) return readFileSync(this.#saying, "utf8").slice(0, 2 * MESSAGE_CHARS);
    const last = this.printed.lines.slice(-MESSAGE_LINES).map((line) => line.slice(line.indexOf(" ") + 1));
    return last.join("\n").slice(-MESSAGE_CHARS);
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, signal);
    } catch {
      // It has ended.
    }
  }
}
