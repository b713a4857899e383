/** An agent's home. What it appended is on no disk for certain until the file is next written whole: power may take it. */
import type { Storage } from "../../packages/agent/seams.ts";
import type { Chance } from "./chance.ts";
import type { Monitor } from "./monitor.ts";

interface File {
  text: string;
  /** Of it, so much survives a loss of power. */
  safe: number;
}

export class Files {
  #files: Map<string, File>;
  #monitor: Monitor;

  constructor(monitor: Monitor, files = new Map<string, File>()) {
    this.#monitor = monitor;
    this.#files = files;
  }

  readonly storage: Storage = {
    read: (name) => this.#files.get(name)?.text ?? null,
    write: (name, text) => void this.#files.set(name, { text, safe: text.length }),
    append: (name, text) => {
      const held = this.#files.get(name) ?? { text: "", safe: 0 };
      this.#files.set(name, { ...held, text: held.text + text });
      for (const line of linesOf(text)) this.#monitor.spooled(line);
    },
    remove: (name) => void this.#files.delete(name),
    list: (folder) => [...this.#files.keys()].filter((name) => name.startsWith(`${folder}/`)),
    setAside: (name) => void this.#files.delete(name),
  };

  /** A second home as this one is now. */
  copy(): Files {
    return new Files(this.#monitor, new Map([...this.#files].map(([name, file]) => [name, { ...file }])));
  }

  losePower(chance: Chance): void {
    for (const [name, { text, safe }] of this.#files) {
      const kept = chance.between(safe, text.length);
      for (const line of linesOf(text.slice(safe))) this.#monitor.excused(line);
      this.#files.set(name, { text: text.slice(0, kept), safe: kept });
    }
  }

  /** Whoever wrote here is not asked any more. */
  giveUp(): void {
    for (const { text } of this.#files.values())
      for (const line of linesOf(text)) this.#monitor.excused(line);
  }
}

function linesOf(text: string): string[] {
  return text.split("\n").flatMap((one) => {
    try {
      const line = JSON.parse(one) as { text?: unknown };
      return typeof line.text === "string" ? [line.text] : [];
    } catch {
      return [];
    }
  });
}
