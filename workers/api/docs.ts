/** The reference page: the document as people read it. One page without scripts, so that it works offline. */
import { html, raw } from "hono/html";
import { fields, type Schema, sample, typeOf } from "./docs-schema.ts";
import type { ApiDocument } from "./document.ts";

/** The page runs nothing and loads nothing but its own style and an empty icon. */
export const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'";

type Content = Record<string, { schema?: Schema }>;

interface Described {
  operationId: string;
  summary: string;
  description?: string;
  tags: string[];
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema: Schema }[];
  requestBody?: { content: Content; required?: boolean };
  responses: Record<string, { description: string; content?: Content }>;
  "x-cloudify-scope": string | null;
  "x-cloudify-audit": string | null;
}

interface Operation {
  path: string;
  verb: string;
  described: Described;
}

export function referencePage(document: ApiDocument) {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as unknown as Record<string, Described>).map(
      ([method, described]): Operation => ({ path, verb: method.toUpperCase(), described }),
    ),
  );
  const groups = Map.groupBy(operations, (one) => one.described.tags[0] ?? "Other");
  const schemas = Object.entries((document.components?.schemas ?? {}) as Record<string, Schema>);
  const origin = document.servers?.[0]?.url ?? "";
  const title = `${document.info.title} API`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><link rel="icon" href="data:,"><style>${raw(STYLE)}</style></head><body>
<nav aria-label="Operations"><a class="home" href="#top">${title}</a>${[...groups].map(
    ([tag, of]) =>
      html`<h2>${tag}</h2>${of.map(
        ({ verb, described }) =>
          html`<a href="#${described.operationId}"><b class="${verb}">${verb}</b>${described.summary}</a>`,
      )}`,
  )}<h2>Schemas</h2>${schemas.map(([name]) => html`<a href="#schema-${name}">${name}</a>`)}</nav>
<main id="top"><h1>${title}</h1><p>${document.info.description}</p>
<p>For programs: <a href="/api/openapi.json">/api/openapi.json</a> (OpenAPI 3.1).</p>
${[...groups].map(([tag, of]) => html`<h2>${tag}</h2>${of.map((one) => section(origin, one))}`)}
<h2>Schemas</h2>
${schemas.map(
  ([name, schema]) => html`<section id="schema-${name}"><h3>${name}</h3>${fields(schema)}</section>`,
)}
</main></body></html>`;
}

function section(origin: string, { path, verb, described }: Operation) {
  const { parameters = [], requestBody, responses } = described;
  const all = Object.entries(responses);
  const answers = all.filter(([status]) => Number(status) < 400);
  const problems = all.filter(([status]) => Number(status) >= 400);
  const scope = described["x-cloudify-scope"];
  const audit = described["x-cloudify-audit"];
  return html`<section id="${described.operationId}"><h3>${described.summary}</h3>
<p class="line"><b class="${verb}">${verb}</b> <code>${path}</code></p>
<p><small>${scope === null ? "Needs no token." : scope === "any" ? "Needs a token, whatever it may do." : html`Needs <code>${scope}</code>.`}${
    audit === null ? "" : html` Writes <code>${audit}</code> to the audit trail.`
  }</small></p>
${described.description === undefined ? "" : html`<p>${described.description}</p>`}
${parameters.length === 0 ? "" : html`<h4>Parameters</h4>${table(parameters)}`}
${Object.entries(requestBody?.content ?? {}).map(
  ([type, { schema }]) =>
    html`<h4>Body <small>${type}${requestBody?.required ? "" : ", optional"}</small></h4>${fields(schema)}`,
)}
${answers.map(
  ([status, { content = {} }]) =>
    html`<h4>Answer <small>${status} ${Object.keys(content).join(", ") || "without a body"}</small></h4>${fields(
      Object.values(content)[0]?.schema,
    )}`,
)}
<h4>Problems</h4><p class="problems">${problems.map(
    ([status, { description }]) =>
      html`<span>${status} ${description.split(", ").map((code) => html`<code>${code}</code> `)}</span>`,
  )}</p>
<pre>${curl(origin, path, verb, described)}</pre></section>`;
}

const table = (parameters: NonNullable<Described["parameters"]>) =>
  html`<table>${parameters.map(
    (one) => html`<tr><td><code>${one.name}</code></td>
<td>${typeOf(one.schema)} <small>${one.in}${one.required ? "" : ", optional"}</small></td>
<td>${one.description ?? one.schema.description ?? ""}</td></tr>`,
  )}</table>`;

function curl(origin: string, path: string, verb: string, described: Described): string {
  const content = described.requestBody?.content ?? {};
  const json = content["application/json"];
  const lines = [
    `curl${verb === "GET" ? "" : ` -X ${verb}`} ${origin}${path.replace(/\{(\w+)\}/g, (_, name: string) => `$${name}`)}`,
    ...(described["x-cloudify-scope"] === null ? [] : [`-H "authorization: Bearer $CLOUDIFY_TOKEN"`]),
    ...(json ? ["-H 'content-type: application/json'", `-d '${JSON.stringify(sample(json.schema))}'`] : []),
    ...("application/octet-stream" in content ? ["--data-binary @file"] : []),
  ];
  return lines.join(" \\\n  ");
}

const STYLE = `
:root{color-scheme:light dark;--line:light-dark(#e3e5ea,#2b2e36);--soft:light-dark(#f5f6f8,#1b1d23);--dim:light-dark(#5f6675,#9aa1b0);--link:light-dark(#0b57d0,#8ab4ff);
--get:light-dark(#0b6bcb,#7cb8ff);--post:light-dark(#147a3d,#6fd394);--change:light-dark(#8f5a00,#f0b95b);--gone:light-dark(#b3261e,#ff8f87);
background:light-dark(#fff,#131418);color:light-dark(#1a1c22,#e6e8ee);font:16px/1.55 system-ui,sans-serif;scroll-behavior:smooth}
*{box-sizing:border-box}body{display:grid;grid-template-columns:19rem minmax(0,1fr);margin:0}a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1.5rem 1.25rem;border-right:1px solid var(--line);font-size:.83rem}
nav a{display:flex;gap:.5rem;padding:.18rem 0;color:inherit}nav b{flex:0 0 3.1rem;font-size:.68rem;line-height:1.9}nav .home{font-size:1rem;font-weight:650}
nav h2{font-size:.72rem;text-transform:uppercase;letter-spacing:.06em;margin:1.3rem 0 .3rem;color:var(--dim)}
main{padding:2.5rem 3rem 6rem;max-width:58rem}main>h2{margin:3rem 0 .5rem;font-size:1.4rem}
section{border-top:1px solid var(--line);padding:1.5rem 0;scroll-margin-top:.5rem}section:target>h3{color:var(--link)}
h1{margin:0 0 .5rem}h3{margin:0 0 .3rem;font-size:1.08rem}h4{margin:1.1rem 0 .25rem;font-size:.87rem}p{margin:.35rem 0}
small{color:var(--dim);font-size:.82rem;font-weight:normal}b{font:650 .8rem ui-monospace,monospace}
.GET{color:var(--get)}.POST{color:var(--post)}.PUT,.PATCH{color:var(--change)}.DELETE{color:var(--gone)}
code,pre{font:.82rem/1.6 ui-monospace,monospace}.line code{font-size:.92rem;overflow-wrap:anywhere}
pre{background:var(--soft);border:1px solid var(--line);padding:.7rem 1rem;border-radius:.5rem;overflow:auto}
table{border-collapse:collapse;width:100%;font-size:.88rem}td{border-bottom:1px solid var(--line);padding:.35rem 1rem .35rem 0;vertical-align:top;overflow-wrap:anywhere}
td:first-child{width:11rem}td:nth-child(2){width:14rem}summary{cursor:pointer;color:var(--dim);font-size:.82rem}
.problems{font-size:.83rem;color:var(--dim)}.problems span{display:inline-block;margin-right:1rem}
@media(max-width:56rem){body{display:block}nav{position:static;height:auto;max-height:40vh;border-right:0;border-bottom:1px solid var(--line)}main{padding:1.5rem 1.1rem 4rem}}
`;
