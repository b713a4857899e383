/** What of a folder is left out. Rules of one place, or of every folder on the way as git has them. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import ignore, { type Ignore } from "ignore";

export interface Rules {
  /** @param path From the root; of a folder with a slash at its end. */
  ignores(path: string): boolean;
  /** Those that hold inside of a folder. @param prefix Its path with a slash, or nothing for the root. */
  within(folder: string, prefix: string): Promise<Rules>;
}

/** Never part of a site. */
const NO_SITE = [".git", ".hg", ".svn", ".vercel", ".cloudify", ".env", ".env.*", ".DS_Store", "Thumbs.db"];
/** Never needed to build: made anew, or nobody else's. `.env` is, where a project has put it under version control. */
const NO_SOURCE = [
  ".git",
  ".hg",
  ".svn",
  ".vercel",
  ".cloudify",
  ".env.local",
  ".env.*.local",
  ".DS_Store",
  "Thumbs.db",
  "node_modules",
  ".next",
  ".nuxt",
  ".output",
  ".svelte-kit",
  ".turbo",
  ".yarn/cache",
  ".yarn/unplugged",
  ".yarn/install-state.gz",
];
const OWN = [".cloudifyignore", ".vercelignore"];

/** @param skipModules Leave `node_modules` out: right for a project's folder, wrong for what a build made. */
export async function siteRules(root: string, skipModules: boolean): Promise<Rules> {
  const rules = ignore().add([...NO_SITE, ...OWN, ...(skipModules ? ["node_modules"] : [])]);
  for (const name of OWN) rules.add(await read(join(root, name)));
  const flat: Rules = { ignores: (path) => rules.ignores(path), within: async () => flat };
  return flat;
}

/** As git has it, and over it what `.cloudifyignore` and `.vercelignore` say: they may also take back what git ignores. */
export const sourceRules = (): Rules => new Nested(ignore().add(NO_SOURCE), []);

interface Layer {
  prefix: string;
  own: Ignore;
  git: Ignore;
}

class Nested implements Rules {
  readonly #never: Ignore;
  /** The deepest folder first: it decides before those above it. */
  readonly #layers: readonly Layer[];

  constructor(never: Ignore, layers: readonly Layer[]) {
    this.#never = never;
    this.#layers = layers;
  }

  ignores(path: string): boolean {
    if (this.#never.ignores(path)) return true;
    return this.#said("own", path) ?? this.#said("git", path) ?? false;
  }

  async within(folder: string, prefix: string): Promise<Rules> {
    const [git, exclude, ...own] = await Promise.all([
      read(join(folder, ".gitignore")),
      prefix === "" ? read(join(folder, ".git/info/exclude")) : "",
      ...OWN.map((name) => read(join(folder, name))),
    ]);
    // A folder that was taken back is taken back whole: git, which ignores it, would go on to ignore what lies in it.
    const isTakenBack = prefix !== "" && this.#said("git", prefix) === true;
    const above = this.#layers.map((layer) => ({
      prefix: layer.prefix,
      git: isTakenBack ? exact() : entered(layer.git, prefix.slice(layer.prefix.length)),
      own: entered(layer.own, prefix.slice(layer.prefix.length)),
    }));
    const layer = {
      prefix,
      git: exact().add(exclude).add(git),
      own: own.reduce((rules, text) => rules.add(text), exact()),
    };
    return new Nested(this.#never, [layer, ...above]);
  }

  #said(which: "own" | "git", path: string): boolean | null {
    for (const layer of this.#layers) {
      const { ignored, unignored } = layer[which].test(path.slice(layer.prefix.length));
      if (ignored || unignored) return ignored;
    }
    return null;
  }
}

/**
 * A folder is entered though these rules ignore it, because others, which decide before them, do not. To git that is the
 * end of it; `ignore` looks at the folders above each path again.
 */
function entered(rules: Ignore, folder: string): Ignore {
  if (!rules.ignores(folder)) return rules;
  return exact()
    .add(rules)
    .add([`!/${folder.replace(/[\\*?[\]]/g, "\\$&")}`]);
}

/** Git tells upper from lower case. */
const exact = (): Ignore => ignore({ ignorecase: false });

const read = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");
