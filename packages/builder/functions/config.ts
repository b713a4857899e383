/**
 * What a function says of itself: `export const config = { runtime: "edge" }`, or `export const runtime = "edge"`. It is
 * read, not run: only literals can be understood.
 */
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { type Expression, type Program, parse } from "acorn";
import { BuildProblem } from "../problem.ts";
import { explained } from "./diagnostics.ts";

export interface StaticConfig {
  runtime: string | null;
  /** Of a middleware. */
  matcher: unknown;
}

const FIX = 'Write it as a literal: export const config = { runtime: "edge" }.';

/** @throws BuildProblem when it holds more than literals. */
export async function readStaticConfig(path: string, file: string): Promise<StaticConfig> {
  const source = await readFile(path, "utf8");
  if (!/\b(?:config|runtime)\b/.test(source)) return { runtime: null, matcher: undefined };
  const body = await parsed(source, file, extname(path));
  const read = (name: string): unknown => {
    const value = exportedValue(body, name);
    const refusal = new BuildProblem("dynamic_config", `${file}: its ${name} is not a literal.`, FIX);
    return value === null ? undefined : literalOf(value, refusal);
  };
  const config = read("config");
  const runtime = read("runtime") ?? (isRecord(config) ? config.runtime : undefined);
  return {
    runtime: typeof runtime === "string" ? runtime : null,
    matcher: isRecord(config) ? config.matcher : undefined,
  };
}

/** @returns Nothing of a script of CommonJS: what it exports has no names that could be read. */
async function parsed(source: string, file: string, ending: string): Promise<Program["body"]> {
  const loader = ending.replace(/^\.m?/, "") as "ts" | "tsx" | "js" | "jsx";
  const { transform } = await import("esbuild");
  // Types and JSX are gone then, and so are decorators, which acorn does not know.
  const options = { loader, sourcefile: file, jsx: "automatic", supported: { decorators: false } } as const;
  const { code } = await transform(source, options).catch((error: unknown) => {
    throw explained(file, error);
  });
  try {
    return parse(code, { ecmaVersion: "latest", sourceType: "module" }).body;
  } catch (error) {
    // Syntax that is too new must not be taken for a module without a config: a middleware would lose its matcher.
    if (!/^export .*\b(?:config|runtime)\b/m.test(code)) return [];
    throw new BuildProblem(
      "dynamic_config",
      `${file}: what it exports can't be read: ${String(error)}.`,
      "Move what is new in the language into a module that it imports.",
    );
  }
}

/** What a variable begins with that is exported by this name, as it is declared or in a list. */
function exportedValue(body: Program["body"], name: string): Expression | null {
  const values = new Map<string, Expression>();
  let local: string | null = null;
  for (const statement of body) {
    const exported = statement.type === "ExportNamedDeclaration" ? statement : null;
    const declaration = exported ? exported.declaration : statement;
    if (declaration?.type === "VariableDeclaration") {
      for (const { id, init } of declaration.declarations) {
        if (id.type !== "Identifier" || !init) continue;
        values.set(id.name, init);
        if (exported && id.name === name) local = name;
      }
    }
    if (!exported || exported.source) continue;
    for (const one of exported.specifiers) if (nameOf(one.exported) === name) local = nameOf(one.local);
  }
  return local === null ? null : (values.get(local) ?? null);
}

/** As esbuild prints it, which has put texts together and made `void 0` of `undefined`. @throws `refusal` */
function literalOf(node: Expression, refusal: BuildProblem): unknown {
  const read = (one: Expression): unknown => literalOf(one, refusal);
  switch (node.type) {
    case "Literal":
      if (node.regex || node.bigint) throw refusal;
      return node.value;
    case "TemplateLiteral":
      if (node.expressions.length > 0) throw refusal;
      return node.quasis[0]?.value.cooked;
    case "ArrayExpression":
      return node.elements.map((one) => {
        if (!one || one.type === "SpreadElement") throw refusal;
        return read(one);
      });
    case "ObjectExpression":
      return Object.fromEntries(
        node.properties.map((one) => {
          if (one.type === "SpreadElement" || one.kind !== "init") throw refusal;
          const key = one.key.type === "Identifier" && !one.computed ? one.key.name : read(one.key);
          return [key, read(one.value)];
        }),
      );
    case "UnaryExpression": {
      const value = read(node.argument);
      if (node.operator === "void") return undefined;
      if (node.operator === "-" && typeof value === "number") return -value;
      throw refusal;
    }
    case "BinaryExpression": {
      if (node.left.type === "PrivateIdentifier") throw refusal;
      const result = calculated(read(node.left), node.operator, read(node.right));
      if (result === null) throw refusal;
      return result;
    }
    default:
      throw refusal;
  }
}

/** `60 * 5` is as good as 300. */
function calculated(left: unknown, operator: string, right: unknown): number | null {
  if (typeof left !== "number" || typeof right !== "number") return null;
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
    default:
      return null;
  }
}

/** A name in a list of exports may be a text. */
const nameOf = (node: { type: "Identifier"; name: string } | { type: "Literal"; value?: unknown }): string =>
  node.type === "Identifier" ? node.name : String(node.value);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === "object";
