/** What the platform itself answers on a customer's host: a page for people, a Problem for programs. */
import type { Problem } from "#core/problem.ts";

export function refuse(request: Request, problem: Problem, requestId: string): Response {
  const headers = new Headers({ "cache-control": "no-store", "x-cloudify-error": problem.code });
  if (problem.status === 503) headers.set("retry-after", "5");
  if (!request.headers.get("accept")?.includes("text/html")) {
    headers.set("content-type", "application/problem+json");
    return answer(request, `${JSON.stringify(problem.toDocument(requestId))}\n`, problem.status, headers);
  }
  headers.set("content-type", "text/html; charset=utf-8");
  headers.set("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'");
  return answer(request, page(problem, requestId), problem.status, headers);
}

function answer(request: Request, body: string, status: number, headers: Headers): Response {
  return new Response(request.method === "HEAD" ? null : body, { status, headers });
}

function page(problem: Problem, requestId: string): string {
  const { title } = problem.toDocument();
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${problem.status}: ${escapeHtml(title)}</title>
<style>
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{display:grid;place-content:center;min-height:100vh;margin:0;padding:2rem;box-sizing:border-box}
main{max-width:34rem}h1{font-size:1.5rem;margin:0 0 .5rem}p{margin:.25rem 0}code{opacity:.65;font-size:.85rem}
</style>
<main><h1>${problem.status} · ${escapeHtml(title)}</h1><p>${escapeHtml(problem.message)}</p>
${problem.fix === undefined ? "" : `<p>${escapeHtml(problem.fix)}</p>`}<p><code>${problem.code} · ${escapeHtml(requestId)}</code></p></main></html>
`;
}

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
