/** What an import of a function's source means: a file that was sent, a module of Node's own, or an error that says so. */
import { nodeModule } from "@cloudify/builder/node-modules";
import type { Loader, OnResolveResult, Plugin } from "esbuild-wasm";
import type { Bundling } from "#features/functions/bundle.ts";
import { inside, mapped, variants } from "./specifiers.ts";

const LOADERS: Record<string, Loader> = {
  ts: "ts",
  mts: "ts",
  cts: "ts",
  tsx: "tsx",
  js: "js",
  mjs: "js",
  cjs: "js",
  jsx: "jsx",
  json: "json",
  txt: "text",
  html: "text",
  md: "text",
  sql: "text",
  css: "text",
  svg: "text",
};

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
            ? refuse(`Could not resolve "${specifier}"`, `Send the file in \`files\`: ${path}.`)
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
        const loader = LOADERS[name.slice(name.lastIndexOf(".") + 1)];
        const contents = has(name) ? files[name] : undefined;
        if (contents === undefined) return refuse(`There is no file ${name}`, "Send it in `files`.");
        return loader ? { contents, loader } : refuse(`${name} can't be imported`, KINDS);
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
  "Packages are not installed here: `cloudify functions deploy` sends them along, or send their files in `files` and map the name in `imports`.";
const KINDS = `Import one of ${Object.keys(LOADERS).join(", ")}.`;
