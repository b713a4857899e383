/** Routes that functions need: dynamic names, and matchers of a middleware. Pure. */
import { type HasField, pathToRegexp, type RouteWithSrc } from "@vercel/routing-utils";
import { BuildProblem } from "../problem.ts";
import { MIDDLEWARE_NAME } from "./discover.ts";

const PARAMETER = /^\[(\.\.\.)?([A-Za-z0-9_-]+)\]$/;

/**
 * `api/users/[id]` → the route that finds it, with the parameter in the query. Static names go before dynamic ones, and
 * longer ones before shorter.
 *
 * @throws BuildProblem when two functions answer at the same address.
 */
export function dynamicRoutes(names: readonly string[]): RouteWithSrc[] {
  const routes = names.filter((name) => name.includes("[")).map((name) => ({ name, route: routeOf(name) }));
  const seen = new Map<string, string>();
  for (const { name, route } of routes) {
    const shape = route.src.replace(/\(\?<[^>]+>/g, "(");
    const twin = seen.get(shape);
    if (twin !== undefined) {
      throw new BuildProblem(
        "ambiguous_functions",
        `${twin} and ${name} answer at the same addresses.`,
        "Rename one of them.",
      );
    }
    seen.set(shape, name);
  }
  return routes.sort((a, b) => (rank(a.name) < rank(b.name) ? -1 : 1)).map(({ route }) => route);
}

function routeOf(name: string): RouteWithSrc {
  const query: string[] = [];
  const parts = name.split("/").map((part) => {
    const found = PARAMETER.exec(part);
    if (!found && /[[\]]/.test(part)) {
      throw new BuildProblem(
        "invalid_function_name",
        `${name} has ${JSON.stringify(part)} in its name, which is no parameter.`,
        "Name a part [name], or the last one [...name]; nothing else goes in brackets.",
      );
    }
    if (!found) return part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const [, isRest, key = ""] = found;
    const group = `p${query.length}`;
    query.push(`${key}=$${group}`);
    return isRest ? `(?<${group}>.+?)` : `(?<${group}>[^/]+)`;
  });
  return { src: `^/${parts.join("/")}/?$`, dest: `/${name}?${query.join("&")}`, check: true };
}

/** Sorts static before dynamic before rest, part by part; what a parameter is called says nothing. */
const rank = (name: string): string =>
  name
    .split("/")
    .map((part) => (part.startsWith("[...") ? "2" : part.startsWith("[") ? "1" : `0${part}`))
    .join("/");

interface Matcher {
  source: string;
  has?: HasField;
  missing?: HasField;
}

const EVERY_PATH = "^/.*$";

/**
 * As `getRegExpFromMatchers` of @vercel/build-utils makes them: a matcher stands for its path with and without a slash at
 * the end, and `/` for `/index`, too. Else what a middleware guards would be had under the other name.
 *
 * @param matcher As the middleware's `config` gives it; `undefined`: every path.
 */
export function middlewareRoutes(matcher: unknown): RouteWithSrc[] {
  const route = { middlewarePath: MIDDLEWARE_NAME, continue: true };
  if (matcher === undefined) return [{ src: EVERY_PATH, ...route }];
  const given = (Array.isArray(matcher) ? matcher : [matcher]).map(checked);
  return given.flatMap(({ source, has, missing }) =>
    (source === "/" ? ["/", "/index"] : [source]).map((path) => ({
      src: regexOf(path),
      ...route,
      middlewareRawSrc: [source],
      ...(has === undefined ? {} : { has }),
      ...(missing === undefined ? {} : { missing }),
    })),
  );
}

function checked(one: unknown): Matcher {
  const matcher = typeof one === "string" ? { source: one } : (one as Matcher);
  if (typeof matcher?.source === "string" && matcher.source.startsWith("/")) return matcher;
  throw new BuildProblem(
    "invalid_matcher",
    `The middleware's matcher ${JSON.stringify(one)} does not begin with a slash.`,
    'Give a path such as "/about/:path*", or a list of them.',
  );
}

function regexOf(source: string): string {
  try {
    // As a path has it: what is not ASCII is escaped there.
    return pathToRegexp("cloudify", source.replace(/[^\0-\x7f]+/g, encodeURIComponent)).source;
  } catch (error) {
    throw new BuildProblem(
      "invalid_matcher",
      `The middleware's matcher ${source} is not a path: ${String(error)}.`,
      "See path-to-regexp.",
    );
  }
}
