/**
 * Whether an isolate could not load a function's folder as it lies there, although it has all that it takes: an isolate
 * finds modules by their whole names only, and takes a `.js` for an ES module. What nothing in the folder would mend is
 * not judged here, but where the function is compiled.
 */
import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import type { Metafile } from "esbuild";
import type { FoundFile } from "../files.ts";
import { nodeModule } from "./node-modules.ts";

type Folder = ReadonlyMap<string, FoundFile>;

interface Edge {
  importer: string;
  specifier: string;
  /** Name of a script of the folder. */
  to: string;
}

const SCRIPT = /\.[cm]?js$/;
const SOURCE = /\.(?:[cm]?ts|[jt]sx)$/;
const TREE = "tree";

/** @param entry Name of one of the files. */
export async function needsBundling(folder: Folder, entry: string): Promise<boolean> {
  for (const file of folder.values()) if (file.link !== undefined) return true;
  if (!SCRIPT.test(entry)) return SOURCE.test(entry);
  const paths = [...folder.keys()];
  const texts = new Map<string, string>();
  const edges: Edge[] = [];
  let isLost = false;
  const { build } = await import("esbuild");
  const metafile = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    outfile: "index.js",
    metafile: true,
    format: "esm",
    platform: "neutral",
    logLevel: "silent",
    plugins: [
      {
        name: TREE,
        setup(hooks) {
          hooks.onResolve({ filter: /.*/ }, ({ path, importer, kind }) => {
            if (kind === "entry-point") return { path: entry, namespace: TREE };
            const own = [resolved(importer, path), path].find((name) => folder.has(name));
            isLost ||= own === undefined && isInside(paths, importer, path);
            if (own === undefined || !SCRIPT.test(own)) return { path, external: true };
            if (kind === "import-statement") edges.push({ importer, specifier: path, to: own });
            return { path: own, namespace: TREE };
          });
          hooks.onLoad({ filter: /.*/, namespace: TREE }, async ({ path }) => {
            const contents = await readFile(folder.get(path)?.absolute ?? "", "utf8");
            texts.set(path, contents);
            return { contents, loader: "js" };
          });
        },
      },
    ],
  }).then(
    (done) => done.metafile,
    () => null,
  );
  if (isLost) return true;
  // It can't be read, which is told with the place where it is compiled; or names are made as it runs.
  if (metafile === null) return false;
  // Bundles of Next.js put their handler there, whatever else they are.
  const isScript = (texts.get(entry) ?? "").includes("_ENTRIES");
  if (entry.endsWith(".js") && isCommon(metafile, entry) && !isScript) return true;
  return edges.some(
    ({ importer, specifier, to }) =>
      to.endsWith(".js") && isCommon(metafile, to) && wantsNames(texts.get(importer) ?? "", specifier),
  );
}

const isCommon = ({ inputs }: Metafile, name: string): boolean => inputs[`${TREE}:${name}`]?.format === "cjs";

/** A script that is run for what it does to globals can be any. */
const wantsNames = (text: string, specifier: string): boolean =>
  [...text.matchAll(/\bfrom\s*(?:"([^"\n]*)"|'([^'\n]*)')/g)].some(
    ([, double, single]) => (double ?? single) === specifier,
  );

/** As an isolate does. */
function resolved(importer: string, specifier: string): string {
  const from = specifier.startsWith("/") ? "" : posix.dirname(importer);
  return posix.join("/", from, specifier.replace(/\?module$/, "")).slice(1);
}

/** Whether Node's way would find in the folder what an isolate does not. */
function isInside(paths: readonly string[], importer: string, specifier: string): boolean {
  if (nodeModule(specifier) || /^[a-z][a-z0-9+.-]*:/i.test(specifier)) return false;
  if (specifier.startsWith("#")) return paths.some((path) => /(?:^|\/)package\.json$/.test(path));
  if (/^\.{0,2}(?:\/|$)/.test(specifier)) {
    const name = resolved(importer, specifier).replace(/\/$/, "");
    const within = name === "" ? "" : `${name}/`;
    return paths.some(
      (path) =>
        (path.startsWith(`${name}.`) && /^\.(?:[cm]?[jt]sx?|json)$/.test(path.slice(name.length))) ||
        (path.startsWith(within) &&
          /^(?:index\.[cm]?[jt]sx?|package\.json)$/.test(path.slice(within.length))),
    );
  }
  const [, name] = /^((?:@[^/]+\/)?[^/]+)/.exec(specifier) ?? [];
  return paths.some((path) => `/${path}`.includes(`/node_modules/${name}/`));
}
