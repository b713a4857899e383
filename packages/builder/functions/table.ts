/**
 * The routes of a project's functions among all others, in the order that `vercel build` gives them: a project answers
 * alike wherever it is built. Pure. Source: `mergeRoutes` of @vercel/routing-utils, `getRouteResult` of @vercel/fs-detectors.
 */
import { isHandler, mergeRoutes, type Route, type RouteWithSrc } from "@vercel/routing-utils";
import type { ProjectConfig } from "../config.ts";
import type { MadeFunction } from "./emit.ts";
import { dynamicRoutes, middlewareRoutes } from "./routes.ts";

/** @param built Routes of what is served besides functions. @throws BuildProblem */
export function routeTable(
  config: Pick<ProjectConfig, "routes">,
  built: readonly Route[],
  made: readonly Pick<MadeFunction, "source" | "matcher">[],
): Route[] {
  const guards = made.flatMap(({ source, matcher }) =>
    source.kind === "middleware" ? middlewareRoutes(matcher) : [],
  );
  const functions = made.flatMap(({ source }) => (source.kind === "function" ? [source] : []));
  const dynamic = dynamicRoutes(functions.map((one) => one.name));
  const found: Route[] = [{ handle: "filesystem" }, ...dynamic];
  return mergeRoutes({
    userRoutes: guarded(config.routes, guards),
    // In the order of their entrypoints.
    builds: [
      { use: "functions", entrypoint: "1", routes: found },
      { use: "build", entrypoint: "2", routes: [...built] },
    ],
  });
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
