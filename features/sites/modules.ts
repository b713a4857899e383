/**
 * What can be seen of a function's modules before it runs: a syntax error, an import that leads nowhere. Only what its
 * entry needs at once is looked at, since only that would keep it from starting; an `import()` may never be reached.
 */
import { loadsHollow, nodeModule } from "@cloudify/builder/node-modules";
import { parse as parseSyntax } from "acorn";
import { parse as parseImports } from "es-module-lexer/js";
import type { CodeModule } from "#features/functions/function.ts";

/** Characters. A syntax tree takes many times the text; what is larger comes from a bundler, which has parsed it. */
const MAX_PARSED = 512 * 1024;

export type Checked =
  | { ok: true; warnings: string[] }
  | { ok: false; code: "syntax_error" | "missing_module"; detail: string; fix: string };

interface Import {
  specifier: string;
  /** As they are written: `with { type: "css" }`. */
  attributes: string | null;
  /** From 1. */
  line: number;
}

/** @param modules In the words of isolates. @param main Name of one of the modules. @returns Details that begin with the module's name and the line. */
export function checkModules(modules: Readonly<Record<string, CodeModule>>, main: string): Checked {
  const warnings: string[] = [];
  const waiting = [main];
  const seen = new Set(waiting);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const module = modules[name];
    if (!module || !("js" in module)) continue;
    const parsed = importsOf(module.js);
    if (!parsed.ok) {
      const where = parsed.line === null ? name : `${name}:${parsed.line}:${parsed.column}`;
      const detail = `${where}: ${parsed.message}${excerptOf(module.js, parsed)}`;
      return { ok: false, code: "syntax_error", detail, fix: "Correct it, and deploy again." };
    }
    for (const { specifier, attributes, line } of parsed.imports) {
      const found = judge(modules, name, specifier);
      if (attributes !== null && found.is !== "missing") {
        const detail = `${name}:${line} imports "${specifier}" ${attributes}, which isolates do not know.`;
        return { ok: false, code: "syntax_error", detail, fix: PLAIN };
      }
      switch (found.is) {
        case "module":
          if (!seen.has(found.name)) waiting.push(found.name);
          seen.add(found.name);
          break;
        case "there":
          break;
        case "hollow":
          warnings.push(
            `${name}:${line} imports ${found.name}, which is there but does nothing in an isolate`,
          );
          break;
        case "missing":
          return {
            ok: false,
            code: "missing_module",
            detail: `${name}:${line} imports "${specifier}", ${found.why}.`,
            fix: found.fix,
          };
      }
    }
  }
  return { ok: true, warnings };
}

type Judged =
  | { is: "module"; name: string }
  | { is: "there" }
  | { is: "hollow"; name: string }
  | { is: "missing"; why: string; fix: string };

function judge(modules: Readonly<Record<string, CodeModule>>, importer: string, specifier: string): Judged {
  const own = ownModule(modules, importer, specifier);
  if (own !== undefined) return { is: "module", name: own };
  if (/^\.{0,2}\//.test(specifier))
    return { is: "missing", why: "which is not in the function's folder", fix: INCLUDE };
  // What the runtime has of its own differs by its version: that shows when it runs.
  if (/^(?:cloudflare|workerd):/.test(specifier)) return { is: "there" };
  const node = nodeModule(specifier);
  if (node?.is === "present") return { is: "there" };
  if (node) {
    return loadsHollow(node.name)
      ? { is: "hollow", name: node.name }
      : { is: "missing", why: "which isolates do not have", fix: WEB_ONLY };
  }
  const isAddress = /^[a-z][a-z0-9+.-]*:/i.test(specifier);
  return isAddress
    ? { is: "missing", why: "and nothing is fetched when a function starts", fix: INCLUDE }
    : { is: "missing", why: "which is a package that is not in the bundle", fix: BUNDLE };
}

/** Name of the function's own module that an import leads to. */
export const ownModule = (
  modules: Readonly<Record<string, CodeModule>>,
  importer: string,
  specifier: string,
): string | undefined =>
  [resolved(importer, specifier), specifier].find((name) => Object.hasOwn(modules, name));

/** As the runtime does, names without dots too; the query that bundlers add to WebAssembly is no part of a name. */
function resolved(importer: string, specifier: string): string {
  const parts = specifier.startsWith("/") ? [] : importer.split("/").slice(0, -1);
  for (const part of specifier.replace(/\?module$/, "").split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

type Parsed =
  | { ok: true; imports: Import[] }
  | { ok: false; message: string; line: number | null; column: number | null };

function importsOf(text: string): Parsed {
  const broken = syntaxErrorOf(text);
  if (broken) return broken;
  try {
    const [found] = parseImports(text);
    const imports = found.flatMap((one) =>
      one.type === "static" || one.type === "reexport-star"
        ? [
            {
              specifier: one.specifier,
              attributes: one.attributes && `with ${text.slice(one.attributesStart, one.importEnd)}`,
              line: lineOf(text, one.start),
            },
          ]
        : [],
    );
    return { ok: true, imports };
  } catch (error) {
    const index = (error as { idx?: number }).idx;
    const line = index === undefined ? null : lineOf(text, index);
    const column = index === undefined ? null : index - text.lastIndexOf("\n", index - 1);
    return { ok: false, message: "SyntaxError: it can't be parsed", line, column };
  }
}

/** Syntax that the runtime may know before the parser does. */
const NEWER = /\bimport\s+(?:source|defer)\b/;

function syntaxErrorOf(text: string): Extract<Parsed, { ok: false }> | null {
  if (text.length > MAX_PARSED || NEWER.test(text)) return null;
  try {
    parseSyntax(text, { ecmaVersion: "latest", sourceType: "module" });
    return null;
  } catch (error) {
    const { message, loc } = error as { message: string; loc?: { line: number; column: number } };
    const said = `SyntaxError: ${message.replace(/ \(\d+:\d+\)$/, "")}`;
    return { ok: false, message: said, line: loc?.line ?? null, column: loc ? loc.column + 1 : null };
  }
}

function lineOf(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < index; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

const WIDEST = 160;

/** The line itself with a mark below, unless it is of a minified bundle. */
function excerptOf(text: string, { line, column }: { line: number | null; column: number | null }): string {
  const shown = line === null ? undefined : text.split("\n", line)[line - 1];
  if (shown === undefined || column === null || shown.length > WIDEST) return "";
  return `\n  ${line} | ${shown}\n  ${" ".repeat(String(line).length)} | ${" ".repeat(column - 1)}^`;
}

const WEB_ONLY = "Leave it out, or look for a library that needs only Web APIs.";
const PLAIN = 'Leave it out, or bundle what it imports: only JSON can be imported with { type: "json" }.';
const INCLUDE = "Bundle it into the function, or put it into the function's folder.";
const BUNDLE =
  "Bundle the function with what it imports: `cloudify build` does, and esbuild, rollup and others can.";
