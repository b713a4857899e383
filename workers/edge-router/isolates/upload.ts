/** A function → what Cloudflare's REST API takes as a script of a dispatch namespace. Pure but for `FormData`. */
import type { ScriptUpdateParams } from "cloudflare/resources/workers-for-platforms/dispatch/namespaces/scripts/scripts";
import { fromBase64 } from "#core/encoding.ts";
import type { Call } from "#features/functions/call.ts";
import type { CodeModule } from "#features/functions/function.ts";
import type { LoadedCode } from "../functions/code.ts";
import { MAIN, shimOf } from "./shim.ts";
import { COMPATIBILITY_DATE, COMPATIBILITY_FLAGS, CPU_MS } from "./worker-code.ts";

/** Takes the console lines of all scripts: see `tail` of the isolates Worker. */
const TAIL_SERVICE = "cloudify-isolates";
/** What a line is shown by; the others of a call are of no use to it. */
const TAGGED = ["id", "team", "project", "deployment", "name", "code", "env"] as const;

/** Of a form that Cloudflare's published types know. */
export function metadataOf({ env }: LoadedCode, call: Call) {
  return {
    main_module: MAIN,
    compatibility_date: COMPATIBILITY_DATE,
    compatibility_flags: [...COMPATIBILITY_FLAGS],
    bindings: Object.entries(env).map(([name, text]) => ({ type: "secret_text" as const, name, text })),
    limits: { cpu_ms: CPU_MS },
    tags: TAGGED.map((field) => `${field}:${encodeURIComponent(call[field] ?? "")}`),
    tail_consumers: [{ service: TAIL_SERVICE }],
  } satisfies ScriptUpdateParams["metadata"];
}

export function uploadOf(loaded: LoadedCode, call: Call): FormData {
  const { code } = loaded;
  const form = new FormData();
  const json = new Blob([JSON.stringify(metadataOf(loaded, call))], { type: "application/json" });
  form.append("metadata", json, "metadata.json");
  const add = (name: string, body: string | Uint8Array<ArrayBuffer>, type: string) =>
    form.append(name, new Blob([body], { type }), name);
  for (const [name, js] of Object.entries(shimOf(code, "console"))) add(name, js, ES_MODULE);
  for (const [name, module] of Object.entries(code.modules)) {
    const [body, type] = partOf(module);
    add(name, body, type);
    // Bundlers for Vercel write the query of an import into the name.
    if ("wasm" in module) add(`${name}?module`, body, type);
  }
  return form;
}

const ES_MODULE = "application/javascript+module";

function partOf(module: CodeModule): [body: string | Uint8Array<ArrayBuffer>, type: string] {
  if ("js" in module) return [module.js, ES_MODULE];
  if ("cjs" in module) return [module.cjs, "application/javascript"];
  if ("text" in module) return [module.text, "text/plain"];
  if ("json" in module) return [`export default ${JSON.stringify(module.json)};`, ES_MODULE];
  if ("wasm" in module) return [fromBase64(module.wasm), "application/wasm"];
  return [fromBase64(module.data), "application/octet-stream"];
}

/** @returns Whose lines a script's are, or `null` when it is none of ours. */
export function callOf(tags: readonly string[]): Call | null {
  const given = new Map(
    tags.map((tag) => {
      const at = tag.indexOf(":");
      return [tag.slice(0, at), decodeURIComponent(tag.slice(at + 1))] as const;
    }),
  );
  const [id, team, project, deployment, name, code] = TAGGED.map((field) => given.get(field));
  if (!id || !team || !project || !deployment || name === undefined || !code) return null;
  const env = given.get("env") || null;
  return { id, team, project, deployment, name, code, env, system: {} };
}
