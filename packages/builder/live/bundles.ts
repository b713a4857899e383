/** Bundled functions, kept for as long as nothing that they were made from changes. */
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, extname, join, sep } from "node:path";
import type { FunctionSource } from "../functions/discover.ts";
import { type MadeFunction, makeFunction } from "../functions/emit.ts";

interface Held {
  made: MadeFunction;
  /** Absolute path → size and time of the last change, also of what was not there; of a folder, see `settingsIn`. */
  stamps: Map<string, string>;
}

/** What an import without one of them may mean, and `.js` in a source of TypeScript. */
const ENDINGS = ["", ".tsx", ".ts", ".jsx", ".js", ".mts", ".mjs", ".cts", ".cjs", ".css", ".json"];
/** What an import means is said by these, and by what they extend. */
const SETTINGS = /^(?:tsconfig.*|jsconfig|package)\.json$/;

export class Bundles {
  readonly #root: string;
  #held = new Map<string, Held>();

  constructor(root: string) {
    this.#root = root;
  }

  /** @returns One for each source, and the names of those that had to be bundled. @throws BuildProblem */
  async make(sources: readonly FunctionSource[]): Promise<{ made: MadeFunction[]; bundled: string[] }> {
    const stampOf = stamps();
    // Where the bundler says that its inputs lie.
    const root = await realpath(this.#root);
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
      const found = await stampsOf(deciding(one.bundled.inputs, root));
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
  if (found?.isDirectory()) return settingsIn(path);
  return found
    ? { text: `${found.size}:${found.mtimeMs}`, changedAt: found.mtimeMs }
    : { text: "gone", changedAt: 0 };
}

/** A folder counts as the settings in it: it may hold anything else, and be where there was nothing. */
async function settingsIn(folder: string): Promise<Stamp> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => SETTINGS.test(name)).sort();
  const found = await Promise.all(names.map((name) => look(join(folder, name))));
  const texts = names.map((name, i) => `${name}:${found[i]?.text}`);
  return {
    text: texts.join() || "gone",
    changedAt: Math.max(0, ...found.map(({ changedAt }) => changedAt)),
  };
}

/**
 * Beside the files themselves what decides that an import means them: files that are not there and would be taken in
 * their place, and the settings in their folders and those above. What is installed changes as a whole.
 *
 * @param inputs Absolute. @param root Above it nothing is of the project.
 */
function deciding(inputs: readonly string[], root: string): string[] {
  const all = new Set(inputs);
  for (const input of inputs.filter((path) => !path.split(sep).includes("node_modules"))) {
    const folder = dirname(input);
    const name = basename(input, extname(input));
    const bases = name === "index" ? [join(folder, name), folder] : [join(folder, name)];
    for (const base of bases) for (const ending of ENDINGS) all.add(base + ending);
    for (let at = folder; ; at = dirname(at)) {
      all.add(at);
      if (at === root || !at.startsWith(root + sep)) break;
    }
  }
  return [...all];
}
