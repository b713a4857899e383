/**
 * What isolates do not know and yet have is said in their words: an attribute of an import (`with { type: "json" }`) of
 * what is held as JSON anyway, and a module's own address (`import.meta.url`). The lines stay where they are. Pure.
 */
import { type Import, parse } from "es-module-lexer/js";
import type { CodeModule } from "#features/functions/function.ts";
import { ownModule } from "./modules.ts";

/** What is not of interest is not looked at closer: a lexer's pass over a large bundle takes a while. */
const OF_INTEREST = /\bimport\s*\.\s*meta\b|\b(?:with|assert)\b\s*:?\s*\{/;

/** @returns The same modules; the text of one that can't be read is left as it is, for the check to say why. */
export function adaptModules(modules: Readonly<Record<string, CodeModule>>): Record<string, CodeModule> {
  return Object.fromEntries(
    Object.entries(modules).map(([name, module]) => [
      name,
      "js" in module && OF_INTEREST.test(module.js)
        ? { js: adapted(module.js, name, (specifier) => holdsJson(modules, name, specifier)) }
        : module,
    ]),
  );
}

function holdsJson(
  modules: Readonly<Record<string, CodeModule>>,
  importer: string,
  specifier: string,
): boolean {
  const own = ownModule(modules, importer, specifier);
  const module = own === undefined ? undefined : modules[own];
  return module !== undefined && "json" in module;
}

interface Cut {
  from: number;
  to: number;
  by: string;
}

function adapted(text: string, name: string, isJson: (specifier: string) => boolean): string {
  const imports = importsOf(text);
  const keepsUrl = imports.some((one) => one.type === "import-meta" && ASSIGNED.test(text.slice(one.end)));
  const cuts = imports.flatMap((one) => {
    if (one.type !== "import-meta")
      return one.specifier && isJson(one.specifier) ? attributesOf(text, one) : [];
    return keepsUrl ? [] : urlOf(text, one, name);
  });
  let result = "";
  let at = 0;
  for (const { from, to, by } of cuts.sort((a, b) => a.from - b.from)) {
    result += text.slice(at, from) + by;
    at = to;
  }
  return result + text.slice(at);
}

function importsOf(text: string): readonly Import[] {
  try {
    return parse(text)[0];
  } catch {
    return [];
  }
}

/** The older word, which the lexer does not know; nothing else can follow on the line. */
const ASSERT = /^["'][^\S\n]*assert\s*\{\s*(["']?)type\1\s*:\s*(["'])json\2\s*,?\s*\}/;
/** The second argument of an `import()`. */
const OPTIONS =
  /^\s*,\s*\{\s*(["']?)(?:with|assert)\1\s*:\s*\{\s*(["']?)type\2\s*:\s*(["'])json\3\s*,?\s*\}\s*,?\s*\}\s*,?\s*$/;

function attributesOf(text: string, one: Exclude<Import, { type: "import-meta" }>): Cut[] {
  if (one.type === "dynamic") {
    const rest = one.attributesStart === -1 ? "" : text.slice(one.end, one.importEnd - 1);
    return OPTIONS.test(rest) ? [blank(text, one.end, one.importEnd - 1)] : [];
  }
  const { attributes, end, importEnd } = one;
  if (attributes?.length === 1 && isTypeJson(attributes)) return [blank(text, end + 1, importEnd)];
  const older = ASSERT.exec(text.slice(end))?.[0];
  return older === undefined ? [] : [blank(text, end + 1, end + older.length)];
}

const isTypeJson = ([first]: ReadonlyArray<readonly [string, string]>): boolean =>
  first?.[0] === "type" && first[1] === "json";

/** As long as before: what a source map says of the line stays true. */
const blank = (text: string, from: number, to: number): Cut => ({
  from,
  to,
  by: text.slice(from, to).replace(/[^\r\n]/g, " "),
});

const URL_OF_META = /^\s*\??\.\s*url(?![\w$])/;
/** Whoever gives it a value wants their own. */
const ASSIGNED = /^\s*\.\s*url\s*(?:\?\?|\|\||&&)?=(?![=>])/;

function urlOf(text: string, { start, end }: Import, name: string): Cut[] {
  const found = URL_OF_META.exec(text.slice(end))?.[0];
  if (found === undefined) return [];
  const address = JSON.stringify(`file:///${encodeURI(name).replace(/[?#]/g, encodeURIComponent)}`);
  return [{ from: start, to: end + found.length, by: address + found.replace(/[^\r\n]/g, "") }];
}
