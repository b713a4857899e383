/** Settings: their defaults, and which of them nothing uses yet. */
import { NO_BUILD_SETTINGS } from "@cloudify/protocol";
import { Problem } from "#core/problem.ts";
import type { ProjectSettings } from "./tables.ts";

export const DEFAULTS: ProjectSettings = {
  ...NO_BUILD_SETTINGS,
  regions: null,
  failover: null,
  releasePolicy: "any",
  rollingRelease: null,
  affinity: null,
  productionBranch: null,
  protection: "public",
};

export type SettingsChange = { [K in keyof ProjectSettings]?: ProjectSettings[K] | undefined };

const NOT_YET = ["productionBranch"] as const;

/** @throws Problem `not_yet` for a setting that would be accepted and then ignored. */
export function withChange(settings: ProjectSettings, change: SettingsChange): ProjectSettings {
  const unused = NOT_YET.find((name) => (change[name] ?? null) !== null);
  if (unused !== undefined) throw notYet(unused, "null");
  if (change.protection !== undefined && change.protection !== "public") throw notYet("protection", "public");
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  return { ...settings, ...Object.fromEntries(given) };
}

const notYet = (name: string, only: string): Problem =>
  new Problem("not_yet", `Nothing uses the setting ${name} yet, so it is not accepted.`, {
    fix: `Leave ${name} out, or set it to ${only}.`,
    extensions: { setting: name },
  });
