/**
 * A function for Node.js as its builder describes it (`.vc-config.json`), checked, as a candidate for a process of a
 * region. Source: Build Output API v3, "Node.js Config"; `launcherType: "Service"` and `command` are our own addition.
 */
import type { WorkloadFile } from "@cloudify/protocol";
import { z } from "zod";
import type { Failure } from "#features/deployments/failures.ts";
import { environment, nameInFolder } from "./function-fields.ts";
import { type Places, pinningOf } from "./function-regions.ts";
import { type Candidate, MAX_GROUP_BYTES, sizeOf } from "./groups.ts";

/** Major versions that regions have. */
const RUNTIME = /^nodejs(18|20|22|24)\.x$/;
/** Mebibytes. */
const MEMORY = 1_024;
const MIN_MEMORY = 128;
const MAX_MEMORY = 10_240;
/** Seconds. */
const DURATION = 300;
const MAX_DURATION = 900;

const config = z.looseObject({
  handler: nameInFolder.optional(),
  launcherType: z.string().default("Nodejs"),
  command: z.string().min(1).max(1_024).optional(),
  shouldAddHelpers: z.boolean().default(false),
  useWebApi: z.boolean().default(false),
  environment: environment.default({}),
  maxDuration: z.union([z.number().positive(), z.literal("max")]).default(DURATION),
  memory: z.number().positive().default(MEMORY),
  regions: z.union([z.array(z.string()), z.string()]).optional(),
  filePathMap: z.record(z.string(), z.string()).default({}),
});

export const isNode = (runtime: string): boolean => RUNTIME.test(runtime);

type Read =
  | {
      ok: true;
      candidate: Candidate;
      warnings: string[];
      /** Regions that it names and the team does not have. */
      unknown: string[];
    }
  | { ok: false; failure: Failure };

/** @param at Its folder, as messages name it. @param given Its configuration, of a runtime that {@link isNode}. */
export function readNodeFunction(
  name: string,
  at: string,
  given: Record<string, unknown>,
  files: ReadonlyMap<string, WorkloadFile>,
  places: Places,
): Read {
  const parsed = config.safeParse(given);
  if (!parsed.success) {
    const [first] = parsed.error.issues;
    return refuse("invalid_output", `${at}: ${first?.path.join(".")}: ${first?.message}.`, BUILD_AGAIN);
  }
  const { handler, launcherType, command, filePathMap } = parsed.data;
  const bytes = sizeOf(files.values());
  if (bytes > MAX_GROUP_BYTES) {
    const detail = `${at} has ${bytes} bytes; a function for Node.js may have ${MAX_GROUP_BYTES}.`;
    return refuse("function_too_large", detail, "Leave out dependencies that it does not need, or split it.");
  }
  const missing = Object.keys(filePathMap).find((path) => !isThere(files, path));
  if (missing !== undefined) {
    const detail = `${at}: ${missing}, which its filePathMap names, was not uploaded.`;
    return refuse("invalid_output", detail, "Deploy from the folder in which the output was built.");
  }
  const warnings: string[] = [];
  const number = (what: string, asked: number, least: number, most: number): number => {
    const taken = Math.min(most, Math.max(least, Math.ceil(asked)));
    if (taken !== Math.ceil(asked)) warnings.push(`${at}: ${what} is ${taken}, not ${asked}`);
    return taken;
  };
  const { memory: askedMemory, maxDuration: asked, environment, shouldAddHelpers, useWebApi } = parsed.data;
  const memory = number("memory", askedMemory, MIN_MEMORY, MAX_MEMORY);
  const maxDuration = asked === "max" ? MAX_DURATION : number("maxDuration", asked, 1, MAX_DURATION);
  const { regions, unknown } = pinningOf(parsed.data.regions, places);
  const about = { name, node: Number(RUNTIME.exec(String(given.runtime))?.[1]), memory, regions, files };
  if (launcherType === "Service") {
    if (command === undefined) {
      return refuse("invalid_output", `${at}: a service needs its command.`, BUILD_AGAIN);
    }
    if (Object.keys(environment).length > 0)
      warnings.push(`${at}: the environment of a service has no effect: set variables of the project`);
    return { ok: true, candidate: { ...about, run: { command, maxDuration } }, warnings, unknown };
  }
  if (launcherType !== "Nodejs") {
    const detail = `${at}: its launcherType ${JSON.stringify(launcherType)} is not one that regions can run.`;
    return refuse("functions_not_yet", detail, 'Build it for the launcher "Nodejs".');
  }
  if (handler === undefined || !files.has(handler)) {
    const detail = `${at}: its handler ${handler ?? "is not named and"} is not there.`;
    return refuse("invalid_output", detail, BUILD_AGAIN);
  }
  const launch = {
    handler,
    cwd: ".",
    launcher: "Nodejs",
    hasHelpers: shouldAddHelpers,
    ...(useWebApi ? { isWeb: true as const } : {}),
  } as const;
  const candidate = { ...about, run: { ...launch, maxDuration, environment } };
  return { ok: true, candidate, warnings, unknown };
}

/** A mapped folder stands for what lies in it. */
const isThere = (files: ReadonlyMap<string, WorkloadFile>, path: string): boolean =>
  files.has(path) || [...files.keys()].some((one) => one.startsWith(`${path}/`));

const BUILD_AGAIN =
  "Build the output again with a tool that emits the Build Output API v3, or with `cloudify build`.";

const refuse = (code: string, detail: string, fix: string): { ok: false; failure: Failure } => ({
  ok: false,
  failure: { code, detail, fix },
});
