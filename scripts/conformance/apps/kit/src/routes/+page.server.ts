import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = ({ url, request, locals, setHeaders }) => {
  setHeaders({ "x-loaded": "yes", "cache-control": "private, max-age=5" });
  return { query: url.search, agent: request.headers.get("user-agent"), visitor: locals.visitor };
};
