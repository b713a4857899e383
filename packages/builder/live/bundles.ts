/** Bundled functions, kept for as long as nothing that they were made from changes. */
import { stat } from "node:fs/promises";
import type { FunctionSource } from "../functions/discover.ts";
import { type MadeFunction, makeFunction } from "../functions/emit.ts";

interface Held {
  made: MadeFunction;
  /** Absolute path → size and time of the last change. */
  stamps: Map<string, string>;
}

export class Bundles {
  readonly #root: string;
  #held = new Map<string, Held>();

  constructor(root: string) {
    this.#root = root;
  }

  /** @returns One for each source, and the names of those that had to be bundled. @throws BuildProblem */
  async make(sources: readonly FunctionSource[]): Promise<{ made: MadeFunction[]; bundled: string[] }> {
    const stampOf = stamps();
    const kept = new Map<string, Held>();
    const bundled: string[] = [];
    const made: MadeFunction[] = [];
    for (const source of sources) {
      const held = this.#held.get(source.file);
      if (held && (await isSame(held, stampOf))) {
        kept.set(source.file, held);
        made.push(held.made);
        continue;
      }
      this.#held.delete(source.file);
      const startedAt = Date.now();
      const one = await makeFunction(this.#root, source);
      const found = await stampsOf(one.bundled.inputs);
      // What changed while it was bundled may be in it or not.
      if (found.changedAt < startedAt) {
        const fresh = { made: one, stamps: found.stamps };
        kept.set(source.file, fresh);
        // Others may fail: this one need not be made again.
        this.#held.set(source.file, fresh);
      }
      bundled.push(source.name);
      made.push(one);
    }
    this.#held = kept;
    return { made, bundled };
  }
}

async function isSame(held: Held, stampOf: (path: string) => Promise<Stamp>): Promise<boolean> {
  for (const [path, stamp] of held.stamps) if ((await stampOf(path)).text !== stamp) return false;
  return true;
}

interface Stamp {
  text: string;
  /** Unix milliseconds. */
  changedAt: number;
}

/** Each file is looked at once a round, however many functions share it. */
function stamps(): (path: string) => Promise<Stamp> {
  const known = new Map<string, Promise<Stamp>>();
  return (path) => {
    const found = known.get(path) ?? look(path);
    known.set(path, found);
    return found;
  };
}

async function stampsOf(paths: readonly string[]) {
  const found = await Promise.all(paths.map(async (path) => [path, await look(path)] as const));
  const changedAt = Math.max(0, ...found.map(([, stamp]) => stamp.changedAt));
  return { stamps: new Map(found.map(([path, stamp]) => [path, stamp.text])), changedAt };
}

async function look(path: string): Promise<Stamp> {
  const found = await stat(path).catch(() => null);
  return found
    ? { text: `${found.size}:${found.mtimeMs}`, changedAt: found.mtimeMs }
    : { text: "gone", changedAt: 0 };
}
