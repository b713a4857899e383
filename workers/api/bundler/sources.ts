/** What an import of a function's source means: a file that was sent, a module of Node's own, or an error that says so. */
import { KINDS, kindOf } from "@cloudify/builder/kinds";
import { nodeModule } from "@cloudify/builder/node-modules";
import type { OnResolveResult, Plugin } from "esbuild-wasm";
import type { Bundling } from "#features/functions/bundle.ts";
import { inside, mapped, variants } from "./specifiers.ts";

export function sources({ files, imports }: Bundling): Plugin {
  const has = (path: string) => Object.hasOwn(files, path);
  return {
    name: "sources",
    setup(hooks) {
      hooks.onResolve({ filter: /.*/ }, ({ path: specifier, importer }): OnResolveResult => {
        const target = mapped(imports, specifier) ?? specifier;
        if (/^(?:https?:|\/\/|data:|file:)/.test(target))
          return refuse(`"${specifier}" is not fetched`, NOT_FETCHED);
        if (/^\.{0,2}\//.test(target)) {
          // What the map says is of the function's folder, wherever it is imported from.
          const from = target === specifier ? importer.replace(/^\//, "") : "";
          const path = inside(from, target);
          if (path === null) return refuse(`"${specifier}" leaves the function's folder`, STAY);
          const found = variants(path).find(has);
          return found === undefined
            ? refuse(
                `Could not resolve "${specifier}"`,
                `Send ${path} along: in \`files\`, or give the CLI the folder that holds it.`,
              )
            : { path: `/${found}`, namespace: "file" };
        }
        if (target.startsWith("cloudflare:")) return { path: target, external: true };
        const own = nodeModule(target);
        if (own?.is === "present") return { path: own.name, external: true };
        return own
          ? refuse(`${own.name} does not exist in an edge function`, WEB_ONLY)
          : refuse(`Could not resolve "${specifier}"`, UNMAPPED);
      });
      hooks.onLoad({ filter: /.*/ }, ({ path }) => {
        const name = path.replace(/^\//, "");
        const loader = kindOf(name);
        const contents = has(name) ? files[name] : undefined;
        if (contents === undefined) return refuse(`There is no file ${name}`, "Send it in `files`.");
        return loader ? { contents, loader } : refuse(`${name} can't be imported`, KNOWN);
      });
    },
  };
}

const refuse = (text: string, fix: string) => ({ errors: [{ text, notes: [{ text: fix }] }] });

const NOT_FETCHED =
  "Nothing is fetched while bundling: send the file in `files` and map the name to it in `imports`.";
const STAY = "Send what it needs inside of one folder.";
const WEB_ONLY = "Leave it out, or look for a library that needs only Web APIs.";
const UNMAPPED =
  "Packages are not installed here: send the package's files along and map its name to one of them (`imports`, or " +
  "`--import NAME=PATH`), or deploy the function as api/… of a project, which is bundled on your machine.";
const KNOWN = `Import one of ${Object.keys(KINDS).join(", ")}.`;
