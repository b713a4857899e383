/** What of a folder is left out. Rules of one place, or of every folder on the way as git has them. */
import { readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import ignore, { type Ignore } from "ignore";
import { excludesOf, gitRootOf } from "./git.ts";

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

/**
 * As git has it, from the top of its working tree down, and over it what `.cloudifyignore` and `.vercelignore` say: they
 * may also take back what git ignores.
 *
 * @param root Without links on the way.
 */
export async function sourceRules(root: string): Promise<Rules> {
  const top = (await gitRootOf(root)) ?? root;
  let layers: readonly Layer[] = [];
  let lead = "";
  let isIgnored = false;
  for (const name of relative(top, root).split(sep).filter(Boolean)) {
    const git = await gitRules(join(top, lead), lead === "");
    layers = [{ prefix: lead, own: exact(), git }, ...layers];
    lead += `${name}/`;
    isIgnored ||= said(layers, "git", lead) === true;
    // Who gives a folder by name wants what is in it, whatever git says of the folder.
    layers = entered(layers, lead);
  }
  // As in a home whose settings are versioned, and all else ignored: that tells nothing of what is in the folder.
  if (isIgnored && said(layers, "git", `${lead}${ANY}`)) layers = [];
  return new Nested(ignore().add(NO_SOURCE), lead, layers);
}

/** A name that no rule means. */
const ANY = "7d1f0c52a9";

interface Layer {
  /** Where its rules hold, from git's top on; with a slash, or empty. */
  prefix: string;
  own: Ignore;
  git: Ignore;
}

class Nested implements Rules {
  readonly #never: Ignore;
  /** The root's own path from git's top on; with a slash, or empty. */
  readonly #lead: string;
  /** The deepest folder first: it decides before those above it. */
  readonly #layers: readonly Layer[];

  constructor(never: Ignore, lead: string, layers: readonly Layer[]) {
    this.#never = never;
    this.#lead = lead;
    this.#layers = layers;
  }

  ignores(path: string): boolean {
    if (this.#never.ignores(path)) return true;
    const full = this.#lead + path;
    return said(this.#layers, "own", full) ?? said(this.#layers, "git", full) ?? false;
  }

  async within(folder: string, prefix: string): Promise<Rules> {
    const full = this.#lead + prefix;
    const [git, ...own] = await Promise.all([
      gitRules(folder, full === ""),
      ...OWN.map((name) => read(join(folder, name))),
    ]);
    const layer = { prefix: full, git, own: own.reduce((rules, text) => rules.add(text), exact()) };
    if (prefix === "") return new Nested(this.#never, this.#lead, [layer, ...this.#layers]);
    // A folder that was taken back is taken back whole: git, which ignores it, would go on to ignore what lies in it.
    const isTakenBack = said(this.#layers, "git", full) === true;
    const above = isTakenBack ? this.#layers.map((one) => ({ ...one, git: exact() })) : this.#layers;
    return new Nested(this.#never, this.#lead, [layer, ...entered(above, full)]);
  }
}

function said(layers: readonly Layer[], which: "own" | "git", path: string): boolean | null {
  for (const layer of layers) {
    const { ignored, unignored } = layer[which].test(path.slice(layer.prefix.length));
    if (ignored || unignored) return ignored;
  }
  return null;
}

/**
 * A folder is entered although a layer ignores it, because another, which decides before it, does not. To git that is the
 * end of it; `ignore` looks at the folders above each path again.
 */
const entered = (layers: readonly Layer[], folder: string): readonly Layer[] =>
  layers.map(({ prefix, own, git }) => {
    const path = folder.slice(prefix.length);
    return { prefix, own: taking(own, path), git: taking(git, path) };
  });

const taking = (rules: Ignore, folder: string): Ignore =>
  rules.ignores(folder)
    ? exact()
        .add(rules)
        .add([`!/${folder.replace(/[\\*?[\]]/g, "\\$&")}`])
    : rules;

/** @param isTop Of git's working tree: what its own folder ignores counts less than any `.gitignore`. */
const gitRules = async (folder: string, isTop: boolean): Promise<Ignore> =>
  exact()
    .add(isTop ? await excludesOf(folder) : "")
    .add(await read(join(folder, ".gitignore")));

/** Git tells upper from lower case. */
const exact = (): Ignore => ignore({ ignorecase: false });

const read = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");
