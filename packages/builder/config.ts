/** `cloudify.json`, or `vercel.json` as it is: what a project says of its build and its routes. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { getTransformedRoutes, type Route } from "@vercel/routing-utils";
import { explained } from "./functions/diagnostics.ts";
import { BuildProblem, type Place } from "./problem.ts";
import { unusedIn } from "./unused.ts";

export interface ProjectConfig {
  /** The file it came from, or `null`. */
  file: string | null;
  buildCommand: string | null;
  installCommand: string | null;
  /** Serves the project while it is worked on. */
  devCommand: string | null;
  outputDirectory: string | null;
  framework: string | null;
  cleanUrls: boolean | null;
  trailingSlash: boolean | null;
  /** Build Output routes, made by Vercel's own converter. */
  routes: Route[];
  /** Of what it sets and nothing uses. */
  warnings: readonly string[];
}

const NAMES = ["cloudify.json", "vercel.json"];
/** Say nothing about what is served; of `regions` there is a warning. */
const HARMLESS = new Set([
  "$schema",
  "version",
  "name",
  "alias",
  "scope",
  "public",
  "github",
  "git",
  "ignoreCommand",
  "regions",
  "env",
  "build",
  "projectSettings",
]);
const ROUTING = ["redirects", "rewrites", "headers", "routes", "cleanUrls", "trailingSlash"];
const SETTINGS = ["buildCommand", "installCommand", "devCommand", "outputDirectory", "framework"];

export async function readConfig(root: string): Promise<ProjectConfig> {
  const found: [string, string][] = [];
  for (const name of NAMES) {
    const text = await readFile(join(root, name), "utf8").catch(() => null);
    if (text !== null) found.push([name, text]);
  }
  if (found.length > 1) {
    const fix = "Keep one of them; cloudify.json takes the same keys.";
    throw new BuildProblem("two_configs", "There is a cloudify.json and a vercel.json.", fix);
  }
  const [first] = found;
  if (!first) return EMPTY;
  const [file, text] = first;
  return isJson(text) ? parseConfig(file, text) : Promise.reject(await notJson(file, text));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** esbuild tells where: JSON.parse often does not. */
async function notJson(file: string, text: string): Promise<unknown> {
  const { transform } = await import("esbuild");
  try {
    await transform(text, { loader: "json", sourcefile: file, logLevel: "silent" });
  } catch (error) {
    return explained(file, error, "invalid_config");
  }
  return new BuildProblem("invalid_config", `${file} is not JSON.`, "Correct it.");
}

/** Of a key, where it first stands. */
function placeOf(file: string, text: string, key: string): Place | null {
  const at = text.indexOf(`"${key}"`);
  if (at < 0) return null;
  const before = text.slice(0, at).split("\n");
  return { file, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

const EMPTY: ProjectConfig = {
  file: null,
  buildCommand: null,
  installCommand: null,
  devCommand: null,
  outputDirectory: null,
  framework: null,
  cleanUrls: null,
  trailingSlash: null,
  routes: [],
  warnings: [],
};

export function parseConfig(file: string, text: string): ProjectConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new BuildProblem("invalid_config", `${file} is not JSON: ${String(error)}.`, "Correct it.");
  }
  if (json === null || typeof json !== "object" || Array.isArray(json)) {
    throw new BuildProblem("invalid_config", `${file} does not hold an object.`, 'Begin it with "{".');
  }
  const config = json as Record<string, unknown>;
  const isTuned = tunesOnly(config.functions);
  const unknown = Object.keys(config).filter(
    (key) =>
      ![...ROUTING, ...SETTINGS].includes(key) && !HARMLESS.has(key) && !(key === "functions" && isTuned),
  );
  if (unknown.length > 0) {
    const fix = "Take it out: nothing uses it yet, and it would not be right to ignore it.";
    const place = placeOf(file, text, unknown[0] ?? "");
    throw new BuildProblem("not_yet", `${file} sets ${unknown.join(", ")}.`, fix, place);
  }
  const setting = (key: string): string | null => {
    const value = config[key] ?? null;
    if (value === null || typeof value === "string") return value;
    throw new BuildProblem(
      "invalid_config",
      `${file}: ${key} is not a text.`,
      "Give it as a text, or leave it out.",
      placeOf(file, text, key),
    );
  };
  const flag = (key: string): boolean | null => {
    const value = config[key] ?? null;
    if (value === null || typeof value === "boolean") return value;
    const place = placeOf(file, text, key);
    throw new BuildProblem(
      "invalid_config",
      `${file}: ${key} is not true or false.`,
      "Give true or false.",
      place,
    );
  };
  return {
    file,
    buildCommand: setting("buildCommand"),
    installCommand: setting("installCommand"),
    devCommand: setting("devCommand"),
    outputDirectory: setting("outputDirectory"),
    framework: setting("framework"),
    cleanUrls: flag("cleanUrls"),
    trailingSlash: flag("trailingSlash"),
    routes: transform(file, config, text),
    warnings: [...unusedIn(file, config), ...(isTuned ? [untuned(file)] : [])],
  };
}

/** Whether `functions` says no more of them than how long they may run, where, and with what: none is built by another. */
function tunesOnly(functions: unknown): boolean {
  if (functions === null || typeof functions !== "object" || Array.isArray(functions)) return false;
  return Object.values(functions).every(
    (one: unknown) => one !== null && typeof one === "object" && !("runtime" in one),
  );
}

const untuned = (file: string): string =>
  `\`functions\` of ${file} is not used: what is built here runs at the edge, within the platform's own limits`;

function transform(file: string, config: Record<string, unknown>, text: string): Route[] {
  const routing = Object.fromEntries(ROUTING.flatMap((key) => (key in config ? [[key, config[key]]] : [])));
  const refuse = (message: string, fix: string): BuildProblem => {
    const given = ROUTING.filter((key) => key in config);
    const named = given.find((key) => message.toLowerCase().includes(key.replace(/s$/, "")));
    const place = placeOf(file, text, named ?? given[0] ?? "");
    return new BuildProblem("invalid_config", `${file}: ${message}`, fix, place);
  };
  try {
    const { routes, error } = getTransformedRoutes(routing as Parameters<typeof getTransformedRoutes>[0]);
    if (error) throw refuse(error.message, error.link ?? "Correct the routes.");
    return routes ?? [];
  } catch (error) {
    if (error instanceof BuildProblem) throw error;
    // It throws at some mistakes, and returns others.
    throw refuse(error instanceof Error ? error.message : String(error), "Correct the routes.");
  }
}
