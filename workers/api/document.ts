/** The OpenAPI 3.1 document, made from the contracts. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { ApiEnv } from "./env.ts";

export type ApiDocument = ReturnType<typeof documentOf>;

export function documentOf(app: OpenAPIHono<ApiEnv>, origin: string) {
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Cloudify",
      version: "0.1.0",
      description:
        "Your team's own Vercel. Lists answer `{ data, next }`; times are Unix milliseconds; every POST takes an " +
        "`Idempotency-Key`; every failure is a `Problem` (RFC 9457) that says what to do.",
    },
    servers: [{ url: origin }],
  });
  document.components = {
    ...document.components,
    securitySchemes: { bearer: { type: "http", scheme: "bearer", description: "A token, `cfy_…`" } },
  };
  return document;
}
