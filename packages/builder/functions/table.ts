/**
 * The routes of a project's functions among all others, in the order that `vercel build` gives them: a project answers
 * alike wherever it is built. Pure. Source: `mergeRoutes` of @vercel/routing-utils, `getRouteResult` of @vercel/fs-detectors.
 */
import { extname } from "node:path";
import { isHandler, mergeRoutes, type Route, type RouteWithSrc } from "@vercel/routing-utils";
import type { ProjectConfig } from "../config.ts";
import type { MadeFunction } from "./emit.ts";
import { dynamicRoutes, middlewareRoutes } from "./routes.ts";

type Settings = Pick<ProjectConfig, "routes" | "cleanUrls" | "trailingSlash">;
type Source = MadeFunction["source"];

/** @param built Routes of what is served besides functions. @throws BuildProblem */
export function routeTable(
  config: Settings,
  built: readonly Route[],
  made: readonly Pick<MadeFunction, "source" | "matcher">[],
): Route[] {
  const guards = made.flatMap(({ source, matcher }) =>
    source.kind === "middleware" ? middlewareRoutes(matcher) : [],
  );
  const functions = made.map((one) => one.source).filter(isFunction);
  return mergeRoutes({
    userRoutes: guarded(config.routes, guards),
    // In the order of their entrypoints.
    builds: [
      { use: "functions", entrypoint: "1", routes: routesOf(functions, config, guards.length > 0) },
      { use: "build", entrypoint: "2", routes: [...built] },
    ],
  });
}

export const isFunction = ({ kind }: Source): boolean => kind === "function";

function routesOf(functions: readonly Source[], config: Settings, isGuarded: boolean): Route[] {
  if (functions.length === 0) return [];
  const endings = new Set(functions.map(({ file }) => extname(file).slice(1)));
  const ending = `\\.(?:${[...endings].join("|")})`;
  const slash = config.trailingSlash ? "/" : "";
  const moved = (src: string, to: string): Route => ({ src, headers: { Location: to + slash }, status: 308 });
  const found: Route[] = [
    { handle: "filesystem" },
    ...dynamicRoutes(functions.map((one) => one.name)),
    // All of `api/` is theirs: no page stands for what is not there.
    { src: "^/api(/.*)?$", status: 404 },
  ];
  if (config.cleanUrls)
    return [
      moved(`^/(api(?:.+)?)/index(?:${ending})?/?$`, "/$1"),
      moved(`^/api/(.+)${ending}/?$`, "/api/$1"),
      ...found,
    ];
  // A guard of `/api/a` would not be asked at `/api/a.ts`.
  if (isGuarded) return found;
  return [...found, { handle: "miss" }, { src: `^/api/(.+)${ending}$`, dest: "/api/$1", check: true }];
}

/** Behind the redirects and headers of the project, and before all that leads to what a middleware guards. */
function guarded(routes: readonly Route[], guards: readonly Route[]): Route[] {
  const open = routes.findIndex((route) => isHandler(route) || !staysOutside(route));
  const at = open < 0 ? routes.length : open;
  return [...routes.slice(0, at), ...guards, ...routes.slice(at)];
}

/** Whether a route only adds something, redirects or refuses. Old `routes` may also rewrite before the first `handle`. */
function staysOutside({ dest, status = 200, headers = {}, check, ...route }: RouteWithSrc): boolean {
  if (check) return false;
  const leads = dest !== undefined || Object.keys(headers).some((name) => /^location$/i.test(name));
  if (status >= 300 && status <= 399) return leads;
  return dest === undefined && (route.continue === true || status >= 400);
}
