/** The module around a customer's: makes of all the ways to write a handler the one that isolates call. */

export function entryOf(path: string, kind: "function" | "middleware"): string {
  const body = kind === "middleware" ? MIDDLEWARE : HANDLERS;
  return `import * as module from ${JSON.stringify(path)};\n${body}`;
}

const HANDLERS = `
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const given = METHODS.filter((method) => typeof module[method] === "function");
// What CommonJS exports by the name of default lies one deeper, where it does not say that it was an ES module.
const own = module.default?.default ?? module.default;
const whole = typeof own === "function" ? own : undefined;
const fetcher = typeof own?.fetch === "function" ? own : undefined;

// As on Vercel a default handler goes before those by method.
export default async function (request, context) {
  if (whole) return whole(request, context);
  if (fetcher) return fetcher.fetch(request, process.env, context);
  const { method } = request;
  if (given.includes(method)) return module[method](request, context);
  if (given.length === 0) throw new Error("The module exports neither a default handler nor one named after a method.");
  if (method === "HEAD" && given.includes("GET")) {
    const { status, headers } = await module.GET(request, context);
    return new Response(null, { status, headers });
  }
  const allow = [...new Set([...given, ...(given.includes("GET") ? ["HEAD"] : []), "OPTIONS"])].join(", ");
  if (method === "OPTIONS") return new Response(null, { status: 204, headers: { allow } });
  return new Response("Method not allowed\\n", { status: 405, headers: { allow } });
}
`;

const MIDDLEWARE = `
const handler = module.default?.default ?? module.default ?? module.middleware;
export default async function (request, context) {
  if (typeof handler !== "function") throw new Error("The middleware exports no default function.");
  const response = await handler(request, context);
  return response ?? new Response(null, { headers: { "x-middleware-next": "1" } });
}
`;
