/** A JSON Schema as people read it: a table of fields, a type in a word or two, and a smallest example. Pure. */
import { html } from "hono/html";

/** What of JSON Schema the document uses. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  description?: string;
  default?: unknown;
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}

type Markup = ReturnType<typeof html> | string;

const nameOf = (schema: Schema): string | undefined => schema.$ref?.split("/").at(-1);

/** One row a field; of a list, the fields of its items; of a named schema, a link to it. */
export function fields(schema: Schema | undefined): Markup {
  if (!schema) return "";
  if (schema.$ref !== undefined) return html`<p>${typeOf(schema)}</p>`;
  if (!schema.properties) return html`<p>${typeOf(schema)}${about(schema)}</p>`;
  return html`<table>${Object.entries(schema.properties).map(
    ([name, field]) => html`<tr><td><code>${name}</code></td>
<td>${typeOf(field)}${schema.required?.includes(name) ? "" : html` <small>optional</small>`}</td>
<td>${about(field)}${nested(field)}</td></tr>`,
  )}</table>`;
}

function nested(field: Schema): Markup {
  const inner = field.properties ? field : field.items?.properties ? field.items : undefined;
  return inner ? html`<details><summary>fields</summary>${fields(inner)}</details>` : "";
}

export function typeOf(schema: Schema): Markup {
  const name = nameOf(schema);
  if (name !== undefined) return html`<a href="#schema-${name}">${name}</a>`;
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  if (schema.enum) return joined(schema.enum.map((value) => html`<code>${String(value)}</code>`));
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return joined(either.map(typeOf));
  if (schema.items) return html`list of ${typeOf(schema.items)}`;
  if (typeof schema.additionalProperties === "object")
    return html`map of ${typeOf(schema.additionalProperties)}`;
  return [schema.type ?? "anything"].flat().join(" or ");
}

const joined = (parts: Markup[]): Markup =>
  html`${parts.map((part, i) => html`${i === 0 ? "" : " or "}${part}`)}`;

/** What it means, and its bounds. */
function about(schema: Schema): Markup {
  const bounds = [
    range(schema.minimum, schema.maximum, ""),
    range(schema.minLength, schema.maxLength, "characters"),
    range(schema.minItems, schema.maxItems, "items"),
    schema.pattern === undefined ? "" : `matches ${schema.pattern}`,
    schema.default === undefined ? "" : `${JSON.stringify(schema.default)} if left out`,
  ].filter((text) => text !== "");
  const bound = bounds.length === 0 ? "" : html` <small>${bounds.join("; ")}</small>`;
  return html`${schema.description ?? ""}${bound}`;
}

function range(least: number | undefined, most: number | undefined, unit: string): string {
  const [from, to] = [least, most].map((bound) =>
    bound === undefined || Math.abs(bound) >= Number.MAX_SAFE_INTEGER
      ? undefined
      : bound.toLocaleString("en"),
  );
  if (from === undefined && to === undefined) return "";
  const text =
    from === undefined ? `at most ${to}` : to === undefined ? `at least ${from}` : `${from} to ${to}`;
  return unit === "" ? text : `${text} ${unit}`;
}

/** The smallest value of its kind, for an example: what is optional is left out. */
export function sample(schema: Schema | undefined): unknown {
  if (!schema) return {};
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  const [first] = schema.anyOf ?? schema.oneOf ?? [];
  if (first) return sample(first);
  switch ([schema.type].flat()[0]) {
    case "object": {
      const required = Object.entries(schema.properties ?? {}).filter(([name]) =>
        schema.required?.includes(name),
      );
      return Object.fromEntries(required.map(([name, field]) => [name, sample(field)]));
    }
    case "array":
      return schema.items ? [sample(schema.items)] : [];
    case "integer":
    case "number":
      return Math.max(0, schema.minimum ?? 0);
    case "boolean":
      return false;
    default:
      return "…";
  }
}
