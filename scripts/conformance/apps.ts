/** The two apps of frameworks: how each is made, built for the platform, and served by its framework's own server. */
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Rules } from "./compare.ts";
import { KIT, NEXT, type Request } from "./requests.ts";
import { run, type Server, serve } from "./run.ts";

const CACHED = "the CDN's default for files and redirects (Vercel, Cache-Control headers)";
const CHARSET = "texts are sent with their charset";
const OWN_PAGE = "the platform's own page for what is not there";

const SOURCES = fileURLToPath(new URL("apps", import.meta.url));

export interface App {
  name: string;
  requests: readonly Request[];
  rules: Rules;
  /** Where the platform and the framework are known to differ, and whose documented behaviour that is. */
  known: readonly Known[];
  /** Makes and builds it in a folder that is there; the output lies in its `.vercel/output`. @returns The app's folder. */
  build(folder: string): Promise<string>;
  /** @param host What requests will name in `host`. */
  serve(folder: string, port: number, host: string): Promise<Server>;
}

export interface Known {
  path: RegExp;
  /** Only for requests with this header. */
  header?: string;
  what: readonly string[];
  why: string;
}

const QUIET = { NEXT_TELEMETRY_DISABLED: "1", VERCEL_TELEMETRY_DISABLED: "1" };

/** As its own dependency tree, apart from the app's. `sandbox` 4.4.0, which it asks for, was never published. */
const VERCEL = { dependencies: { vercel: "64.0.2" }, overrides: { sandbox: "4.5.0" } };

export const next: App = {
  name: "next",
  requests: NEXT,
  rules: {
    headers: [
      "content-type",
      "allow",
      ..."everywhere about slug loud both both-mw route answered-by".split(" ").map((name) => `x-${name}`),
    ],
    // Keys of the boundaries in a page that was rendered just now.
    normalise: (body) => body.replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "UUID"),
  },
  known: [
    { path: /\.svg$/, what: ["content-type"], why: CHARSET },
    {
      path: /^\/(?:old-about|go|for-beta|away)/,
      what: ["x-everywhere"],
      why: "`vercel build` puts headers before redirects",
    },
    {
      path: /^\/go$/,
      what: ["location"],
      why: "`next start` leaves an empty `:path*` as it is; the builder's route does not",
    },
    {
      path: /^\/api\/echo/,
      what: ["x-both", "x-both-mw"],
      why: "a function's header stands against a route's (Vercel, CDN cache); `next start` sends both",
    },
    {
      path: /^\/(?:api\/rest|fallback)\//,
      what: ["body"],
      why: "the builder's route gives `nxtPpath=a/b`; `next start` repeats the parameter",
    },
    {
      path: /^\/mw\/rewrite\?own/,
      what: ["body"],
      why: "a rewrite leads to the URL that the middleware gave; `next start` adds the visitor's query for a handler",
    },
    {
      path: /^\/(?:about)?$/,
      header: "rsc",
      what: ["status", "location", "content-type", "body"],
      why: "`next start` sends a request without `_rsc` away first; the builder's routes do not",
    },
  ],
  async build(folder) {
    const app = join(folder, "next");
    const words = "create-next-app@16.4.3 next --ts --app --empty --skip-install --use-npm --disable-git";
    await run("npx", ["-y", ...words.split(" "), "--no-eslint", "--no-tailwind"], folder);
    rmSync(join(app, "app"), { recursive: true });
    cpSync(join(SOURCES, "next"), app, { recursive: true });
    await run("npm", ["install", "--no-audit", "--no-fund"], app);
    const tools = join(folder, "tools");
    mkdirSync(tools);
    writeFileSync(join(tools, "package.json"), JSON.stringify(VERCEL));
    await run("npm", ["install", "--no-audit", "--no-fund"], tools);
    mkdirSync(join(app, ".vercel"));
    const project = { projectId: "prj_x", orgId: "team_x", settings: { framework: "nextjs" } };
    writeFileSync(join(app, ".vercel/project.json"), JSON.stringify(project));
    // Each build has a folder of its own: what `vercel build` leaves in .next is not for `next start`.
    await run("npx", ["next", "build"], app, QUIET);
    cpSync(join(app, ".next"), join(folder, "next-own"), { recursive: true });
    await run(join(tools, "node_modules/.bin/vercel"), ["build", "--yes"], app, QUIET);
    rmSync(join(app, ".next"), { recursive: true });
    cpSync(join(folder, "next-own"), join(app, ".next"), { recursive: true });
    return app;
  },
  serve: (app, port) => serve("npx", ["next", "start", "-p", String(port)], app, port, QUIET),
};

export const kit: App = {
  name: "kit",
  requests: KIT,
  rules: {
    headers: ["content-type", "allow", "cache-control", "x-loaded", "x-hooked", "x-route"],
    normalise: (body) => body,
  },
  known: [
    { path: /^\/(?:about\/?|robots\.txt|_app\/version\.json)$/, what: ["cache-control"], why: CACHED },
    { path: /^\/(?:robots\.txt|_app\/version\.json)$/, what: ["content-type"], why: CHARSET },
    { path: /^\/_app\/immutable\/none/, what: ["content-type"], why: OWN_PAGE },
    { path: /^\/_app\/immutable\/none/, what: ["cache-control"], why: OWN_PAGE },
    { path: /^\/_app\/immutable\/none/, what: ["body"], why: OWN_PAGE },
  ],
  async build(folder) {
    const app = join(folder, "kit");
    const words = "sv@0.17.1 create kit --template minimal --types ts --no-add-ons --no-install";
    await run("npx", ["-y", ...words.split(" ")], folder);
    cpSync(join(SOURCES, "kit"), app, { recursive: true });
    const adapters = ["@sveltejs/adapter-vercel@6.3.4", "@sveltejs/adapter-node@5.5.7"];
    await run("npm", ["install", "--no-audit", "--no-fund", "-D", ...adapters], app);
    await run("npx", ["svelte-kit", "sync"], app);
    await run("npx", ["vite", "build"], app);
    await run("npx", ["vite", "build"], app, { ADAPTER: "node" });
    return app;
  },
  serve: (app, port, host) =>
    serve(process.execPath, ["server/index.js"], app, port, { PORT: String(port), ORIGIN: `http://${host}` }),
};

export const isBuilt = (app: string): boolean => existsSync(join(app, ".vercel/output/config.json"));

export const isMeant = ({ path, header, what }: Known, request: Request, difference: string): boolean =>
  what.includes(difference) &&
  path.test(request.path) &&
  (header === undefined || request.headers?.[header] !== undefined);
