/** How a traced tree's imports differ from a source's: it was compiled, often to CommonJS, and nobody can mend it. */
import { sep } from "node:path";
import type { Plugin, ResolveResult } from "esbuild";
import { nodeModule } from "./node-modules.ts";

/** Modules of the runtime stay imports: which of them it has is said where the function is compiled, as of any output. */
export function tracedBuiltins(): Plugin {
  return {
    name: "traced-builtins",
    setup(hooks) {
      hooks.onResolve({ filter: /^(?:node:)?[a-z_/0-9]+$/ }, ({ path }) => {
        const found = nodeModule(path);
        return found ? { path: found.name, external: true } : undefined;
      });
      hooks.onResolve({ filter: /^(?:cloudflare|workerd):/ }, ({ path }) => ({ path, external: true }));
    },
  };
}

/** Marks our own question, which we do not answer. */
const OWN = "optional";

/** What an `import()` or a `require` names and the tree has not may never be reached: it fails when it is. */
export function optional(root: string): Plugin {
  return {
    name: "optional",
    setup(hooks) {
      hooks.onResolve(
        { filter: /.*/ },
        async ({ path, kind, pluginData, importer, namespace, resolveDir }) => {
          if (pluginData === OWN || (kind !== "dynamic-import" && kind !== "require-call")) return undefined;
          const found = await hooks.resolve(path, { kind, importer, namespace, resolveDir, pluginData: OWN });
          // A package that lies above is whoever's: the tree has not got it.
          const isThere = found.errors.length === 0 && (found.external || isWithin(root, found));
          return isThere ? undefined : { path, external: true };
        },
      );
    },
  };
}

const isWithin = (root: string, { path, namespace }: ResolveResult): boolean =>
  namespace !== "file" || path.startsWith(root + sep);
