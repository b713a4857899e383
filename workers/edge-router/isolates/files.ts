/**
 * What a function brought along beside its code, as a module that the prelude imports: it is there while the function's
 * own modules are evaluated. Costs no compiling: the runtime compiles all WASM of a function anyway.
 */
import { type FunctionCode, RESERVED_MODULES } from "#features/functions/function.ts";

export const FILES = `${RESERVED_MODULES}files.js`;

/** `assets`: name → bytes. `wasm`: path in the function's folder → `WebAssembly.Module`. */
export function filesText({ assets, modules }: Pick<FunctionCode, "assets" | "modules">): string {
  const wasm = Object.entries(modules).flatMap(([path, module]) => ("wasm" in module ? [[path, path]] : []));
  const found = { assets: Object.entries(assets), wasm };
  return Object.entries(found)
    .map(([kind, list]) => {
      const imports = list.map(
        ([, module], i) => `import ${kind}${i} from ${JSON.stringify(`../${module}`)};\n`,
      );
      const entries = list.map(([name], i) => `[${JSON.stringify(name)}]: ${kind}${i}`);
      return `${imports.join("")}export const ${kind} = { ${entries.join(", ")} };\n`;
    })
    .join("");
}

/** How the function asks for them: a part of the prelude. */
export const filesAskedText = `
// The runtime makes no Response with a body while modules are evaluated, where fonts are mostly read.
const atLoad = (bytes) => {
  const text = async () => new TextDecoder().decode(bytes);
  return {
    ok: true,
    status: 200,
    headers: new Headers(),
    arrayBuffer: async () => bytes.slice(0),
    text,
    json: async () => native.parse(await text()),
  };
};
function assetOf(url) {
  if (typeof url !== "string" || !url.startsWith("blob:") || !native.Object.hasOwn(assets, url.slice(5))) return null;
  const bytes = assets[url.slice(5)];
  return current === outside ? atLoad(bytes) : new native.Response(bytes);
}

// Bundles for Vercel's edge runtime ask so for Node's own modules, and Next.js's for WASM, from the top of the folder.
const ours = (path) => (native.Object.hasOwn(wasm, path) ? wasm[path] : undefined);
globalThis.require ??= (name) => {
  // The runtime stumbles over a path.
  const found = native.String(name).startsWith("/") ? ours(name.slice(1)) : process.getBuiltinModule(name);
  if (!found) throw new Error("Cannot find module '" + name + "': an edge function has Node's own modules and its WASM only.");
  return found;
};
`;
