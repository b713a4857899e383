/** A fresh app of each framework, as its own scaffold makes it or its guide says, and what is to be seen of it. Data. */
import { API, type App, FILE, ROBOTS, SSR } from "./app.ts";
import { next } from "./next.ts";

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const express: App = {
  name: "express",
  scaffold: [],
  files: {
    "package.json": json({ name: "app", private: true, dependencies: { express: "5.3.0" } }),
    "public/robots.txt": ROBOTS,
    "server.js": `const express = require("express");

const app = express();
app.use(express.json());
app.get("/ssr", (req, res) => res.send(\`<h1>Hello \${req.query.name}</h1>\`));
app.get("/api/hello", (req, res) => res.json({ hello: req.query.name }));
app.post("/api/sum", (req, res) => res.json({ sum: req.body.reduce((a, b) => a + b, 0) }));
app.listen(process.env.PORT ?? 3000);
`,
  },
  checks: [
    ...SSR,
    FILE,
    ...API,
    { what: "api", path: "/not/there", status: 404, text: /Cannot GET \/not\/there/ },
  ],
};

const nest: App = {
  name: "nest",
  scaffold: [
    [
      "npx",
      "-y",
      "@nestjs/cli@12.0.8",
      "new",
      "app",
      "--skip-install",
      "--skip-git",
      "--package-manager",
      "npm",
    ],
  ],
  files: {
    "src/app.controller.ts": `import { Body, Controller, Get, Header, HttpCode, Post, Query } from '@nestjs/common';

@Controller()
export class AppController {
  @Get('ssr')
  @Header('content-type', 'text/html')
  page(@Query('name') name: string): string {
    return \`<h1>Hello \${name}</h1>\`;
  }

  @Get('api/hello')
  hello(@Query('name') name: string): object {
    return { hello: name };
  }

  @Post('api/sum')
  @HttpCode(200)
  sum(@Body() numbers: number[]): object {
    return { sum: numbers.reduce((a, b) => a + b, 0) };
  }
}
`,
  },
  without: ["src/app.controller.spec.ts", "test"],
  checks: [...SSR, ...API, { what: "api", path: "/not/there", status: 404, text: /Cannot GET/ }],
};

const svelte: App = {
  name: "svelte",
  scaffold: [
    [
      "npx",
      "-y",
      "sv@0.17.1",
      "create",
      "app",
      ..."--template minimal --types ts --no-add-ons --no-install".split(" "),
    ],
  ],
  files: {
    "static/robots.txt": ROBOTS,
    "src/routes/ssr/+page.server.ts":
      "export const load = ({ url }) => ({ name: url.searchParams.get('name') });\n",
    "src/routes/ssr/+page.svelte":
      '<script lang="ts">\n  let { data } = $props();\n</script>\n\n<h1>Hello {data.name}</h1>\n',
    "src/routes/about/+page.ts": "export const prerender = true;\n",
    "src/routes/about/+page.svelte": "<h1>About</h1>\n",
    "src/routes/api/hello/+server.ts": `import { json } from '@sveltejs/kit';

export const GET = ({ url }) => json({ hello: url.searchParams.get('name') });
`,
    "src/routes/api/sum/+server.ts": `import { json } from '@sveltejs/kit';

export const POST = async ({ request }) => {
  const numbers: number[] = await request.json();
  return json({ sum: numbers.reduce((a, b) => a + b, 0) });
};
`,
  },
  checks: [
    { what: "ssr", path: "/", text: /Welcome to SvelteKit/, refersTo: /(\/_app\/immutable\/[^"]+\.js)/ },
    { what: "prerendered", path: "/about", text: /<h1>About<\/h1>/ },
    ...SSR,
    FILE,
    ...API,
    { what: "ssr", path: "/not/there", status: 404, text: /404/ },
  ],
};

const hono: App = {
  name: "hono",
  scaffold: [],
  files: {
    "package.json": json({
      name: "app",
      private: true,
      type: "module",
      dependencies: { hono: "4.13.19" },
    }),
    "public/robots.txt": ROBOTS,
    "src/index.ts": `import { Hono } from "hono";

const app = new Hono();
app.get("/ssr", (c) => c.html(\`<h1>Hello \${c.req.query("name")}</h1>\`));
app.get("/api/hello", (c) => c.json({ hello: c.req.query("name") }));
app.post("/api/sum", async (c) => {
  const numbers: number[] = await c.req.json();
  return c.json({ sum: numbers.reduce((a, b) => a + b, 0) });
});

export default app;
`,
  },
  checks: [...SSR, FILE, ...API, { what: "api", path: "/not/there", status: 404, text: /404/ }],
};

const astro: App = {
  name: "astro",
  scaffold: [],
  files: {
    "package.json": json({
      name: "app",
      private: true,
      type: "module",
      scripts: { build: "astro build" },
      dependencies: { astro: "7.3.5", "@astrojs/vercel": "11.0.11" },
    }),
    "astro.config.mjs": `import vercel from "@astrojs/vercel";
import { defineConfig } from "astro/config";

export default defineConfig({ output: "server", adapter: vercel() });
`,
    "public/robots.txt": ROBOTS,
    "src/pages/index.astro":
      "---\nexport const prerender = true;\n---\n<html><body><h1>Prerendered</h1></body></html>\n",
    "src/pages/ssr.astro":
      '---\nconst name = Astro.url.searchParams.get("name");\n---\n<html><body><h1>Hello {name}</h1></body></html>\n',
    "src/pages/api/hello.ts": `import type { APIRoute } from "astro";

export const GET: APIRoute = ({ url }) => Response.json({ hello: url.searchParams.get("name") });
`,
    "src/pages/api/sum.ts": `import type { APIRoute } from "astro";

export const POST: APIRoute = async ({ request }) => {
  const numbers: number[] = await request.json();
  return Response.json({ sum: numbers.reduce((a, b) => a + b, 0) });
};
`,
  },
  checks: [{ what: "prerendered", path: "/", text: /Prerendered/ }, ...SSR, FILE, ...API],
};

const nuxt: App = {
  name: "nuxt",
  scaffold: [],
  files: {
    "package.json": json({
      name: "app",
      private: true,
      type: "module",
      scripts: { build: "nuxt build" },
      dependencies: { nuxt: "4.5.2" },
    }),
    "nuxt.config.ts": `export default defineNuxtConfig({
  compatibilityDate: "2026-01-01",
  telemetry: false,
  routeRules: { "/about": { prerender: true } },
});
`,
    "public/robots.txt": ROBOTS,
    "app/pages/about.vue": "<template><h1>About</h1></template>\n",
    "app/pages/ssr.vue": "<template><h1>Hello {{ $route.query.name }}</h1></template>\n",
    "app/app.vue": "<template><NuxtPage /></template>\n",
    "server/api/hello.get.ts":
      "export default defineEventHandler((event) => ({ hello: getQuery(event).name }));\n",
    "server/api/sum.post.ts": `export default defineEventHandler(async (event) => {
  const numbers = await readBody<number[]>(event);
  return { sum: numbers.reduce((a, b) => a + b, 0) };
});
`,
  },
  checks: [
    { what: "prerendered", path: "/about", text: /<h1>About<\/h1>/, refersTo: /(\/_nuxt\/[^"]+\.js)/ },
    ...SSR,
    FILE,
    ...API,
  ],
};

/** A program that no builder knows: it is run by its `start` script. */
const service: App = {
  name: "service",
  scaffold: [],
  files: {
    "package.json": json({ name: "app", private: true, scripts: { start: "node run/main.mjs" } }),
    "run/main.mjs": `import { createServer } from "node:http";

createServer(async (req, res) => {
  const { pathname, searchParams } = new URL(req.url, "http://localhost");
  const json = (value) => res.setHeader("content-type", "application/json").end(JSON.stringify(value));
  if (pathname === "/api/hello") return json({ hello: searchParams.get("name") });
  if (pathname === "/ssr") {
    return res.setHeader("content-type", "text/html").end(\`<h1>Hello \${searchParams.get("name")}</h1>\`);
  }
  let body = "";
  for await (const chunk of req) body += chunk;
  if (pathname === "/api/sum") return json({ sum: JSON.parse(body).reduce((a, b) => a + b, 0) });
  res.writeHead(404).end("nothing here");
}).listen(process.env.PORT);
`,
  },
  checks: [...SSR, ...API, { what: "api", path: "/not/there", status: 404, text: /nothing here/ }],
};

export const APPS: readonly App[] = [next, express, nest, svelte, hono, astro, nuxt, service];
