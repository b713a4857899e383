/** The reference page: the document as people read it. One page without scripts, so that it works offline. */
import { html, raw } from "hono/html";
import type { ApiDocument } from "./document.ts";

interface Described {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema?: unknown }[];
  requestBody?: { content?: Record<string, { schema?: unknown }> };
  responses?: Record<string, { description?: string; content?: Record<string, { schema?: unknown }> }>;
  "x-cloudify-scope"?: string | null;
}

export function referencePage(document: ApiDocument) {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Described>).map(([method, described]) => ({
      path,
      method,
      described,
    })),
  );
  const groups = Map.groupBy(operations, (one) => one.described.tags?.[0] ?? "Other");
  const origin = document.servers?.[0]?.url ?? "";
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${document.info.title} API</title><link rel="icon" href="data:,"><style>${raw(STYLE)}</style></head><body>
<nav><strong>${document.info.title} API</strong>${[...groups].map(
    ([tag, of]) =>
      html`<h2>${tag}</h2>${of.map(
        (one) => html`<a href="#${one.described.operationId}">${one.described.summary}</a>`,
      )}`,
  )}</nav>
<main><h1>${document.info.title} API</h1><p>${document.info.description}</p>
<p>The document: <a href="/api/openapi.json">/api/openapi.json</a> (OpenAPI 3.1).</p>
${[...groups].map(
  ([tag, of]) =>
    html`<h2>${tag}</h2>${of.map((one) => operation(origin, one.method, one.path, one.described))}`,
)}
<h2>Schemas</h2>
${Object.entries(document.components?.schemas ?? {}).map(
  ([name, schema]) => html`<section id="schema-${name}"><h3>${name}</h3>${shape(schema)}</section>`,
)}
</main></body></html>`;
}

function operation(origin: string, method: string, path: string, described: Described) {
  const body = Object.entries(described.requestBody?.content ?? {});
  const verb = method.toUpperCase();
  const flags = body.some(([type]) => type === "application/json")
    ? " -H 'content-type: application/json' -d '{}'"
    : "";
  const scope = described["x-cloudify-scope"];
  return html`<section id="${described.operationId}"><h3>${described.summary}</h3>
<p><code class="verb">${verb}</code> <code>${path}</code>${scope ? html` <small>needs ${scope}</small>` : html` <small>open</small>`}</p>
${described.description ? html`<p>${described.description}</p>` : ""}
${
  (described.parameters ?? []).length === 0
    ? ""
    : html`<table>${(described.parameters ?? []).map(
        (one) =>
          html`<tr><td><code>${one.name}</code></td><td>${one.in}${one.required ? "" : ", optional"}</td><td>${one.description ?? ""}</td></tr>`,
      )}</table>`
}
${body.map(([type, { schema }]) => html`<h4>Body <small>${type}</small></h4>${shape(schema)}`)}
${Object.entries(described.responses ?? {}).map(
  ([status, one]) =>
    html`<h4>${status} <small>${one.description}</small></h4>${Object.entries(one.content ?? {})
      .filter(() => Number(status) < 400)
      .map(([, { schema }]) => shape(schema))}`,
)}
<pre>curl${verb === "GET" ? "" : ` -X ${verb}`} -H "authorization: Bearer $CLOUDIFY_TOKEN"${flags} ${origin}${path}</pre></section>`;
}

function shape(schema: unknown) {
  const text = JSON.stringify(schema, null, 2) ?? "";
  const reference = /^\{\s*"\$ref": "#\/components\/schemas\/(\w+)"\s*\}$/.exec(text)?.[1];
  if (reference) return html`<p><a href="#schema-${reference}">${reference}</a></p>`;
  return html`<details><summary>schema</summary><pre>${text}</pre></details>`;
}

const STYLE = `
:root{color-scheme:light dark;--line:#8883;--soft:#8881;font:16px/1.55 system-ui,sans-serif}
body{display:grid;grid-template-columns:17rem minmax(0,1fr);margin:0}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1.5rem;border-right:1px solid var(--line);box-sizing:border-box;font-size:.85rem}
nav a{display:block;padding:.15rem 0;color:inherit;text-decoration:none;opacity:.8}nav a:hover{opacity:1;text-decoration:underline}
nav h2{font-size:.75rem;text-transform:uppercase;letter-spacing:.06em;margin:1.2rem 0 .3rem;opacity:.6}
main{padding:2rem 3rem;max-width:54rem}section{border-top:1px solid var(--line);padding:1rem 0;scroll-margin-top:1rem}
h3{margin:.2rem 0}h4{margin:.8rem 0 .2rem;font-size:.9rem}small{opacity:.65;font-weight:normal}
code,pre{font:.85rem/1.5 ui-monospace,monospace}pre{background:var(--soft);padding:.7rem 1rem;border-radius:.4rem;overflow:auto}
.verb{background:var(--soft);padding:.1rem .45rem;border-radius:.3rem;font-weight:600}
table{border-collapse:collapse}td{border-bottom:1px solid var(--line);padding:.25rem .8rem .25rem 0;vertical-align:top}
@media(max-width:50rem){body{display:block}nav{position:static;height:auto}main{padding:1.25rem}}
`;
