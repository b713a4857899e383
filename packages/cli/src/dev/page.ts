/** A fault as an answer: a page for people, which loads itself again when it is mended, and a Problem for programs. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Fault, whereOf } from "./fault.ts";

/** Told when something has changed; see front.ts. */
export const CHANGES_PATH = "/_cloudify/dev/changes";

export function answerFault(req: IncomingMessage, res: ServerResponse, fault: Fault): void {
  const isPage = req.headers.accept?.includes("text/html") === true;
  const body = isPage ? page(fault) : `${JSON.stringify(problem(fault))}\n`;
  res.writeHead(500, {
    "content-type": isPage ? "text/html; charset=utf-8" : "application/problem+json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-cloudify-error": fault.code,
  });
  res.end(req.method === "HEAD" ? undefined : body);
}

function problem({ code, title, detail, fix, place, excerpt }: Fault): object {
  const type = `https://cloudify.dev/problems/${code}`;
  return { type, title, status: 500, detail, code, fix, ...(place ? { source: { ...place, excerpt } } : {}) };
}

function page({ code, title, detail, fix, place, excerpt, callers }: Fault): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{margin:0;padding:clamp(1rem,5vw,4rem);border-top:4px solid #d33}
main{max-width:60rem;margin:auto}h1{font-size:1.25rem;margin:0 0 1rem;color:#d33}
pre{overflow:auto;padding:1rem;border:1px solid #8884;border-radius:6px;font:14px/1.5 ui-monospace,monospace;tab-size:2}
.detail{white-space:pre-wrap;font-weight:600}code{font:14px ui-monospace,monospace}footer{opacity:.65;font-size:.85rem}
</style>
<main><h1>${escapeHtml(title)}</h1><p class="detail">${escapeHtml(detail)}</p>
${place ? `<p><code>${escapeHtml(whereOf(place))}</code></p>` : ""}
${excerpt === "" ? "" : `<pre>${escapeHtml(excerpt)}</pre>`}
${callers.map((one) => `<div><code>from ${escapeHtml(whereOf(one))}</code></div>`).join("")}
<p>${escapeHtml(fix)}</p><footer>${escapeHtml(code)} · cloudify dev · this page loads itself again after the next change</footer></main>
<script>new EventSource(${JSON.stringify(CHANGES_PATH)}).addEventListener("change", () => location.reload())</script></html>
`;
}

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
