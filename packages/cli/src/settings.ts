/** A project's settings, as the command line gives them. Which of them make sense, the platform says. */
import type { Project } from "@cloudify/sdk";
import { type Command, Option } from "commander";
import { CliProblem } from "./problem.ts";

type Settings = Project["settings"];

export interface SettingFlags {
  regions?: string;
  failover?: string;
  releasePolicy?: Settings["releasePolicy"];
  affinity?: string;
  rootDirectory?: string;
  framework?: string;
  installCommand?: string;
  buildCommand?: string;
  outputDirectory?: string;
  nodeVersion?: string;
}

const LISTS = ["regions", "failover"] as const;
const TEXTS = [
  "rootDirectory",
  "framework",
  "installCommand",
  "buildCommand",
  "outputDirectory",
  "nodeVersion",
] as const;

/** `CLOUDIFY_REGIONS` is what `npm start` runs: in the same shell, it must not become a project's setting. */
export const settingOptions = (command: Command): Command =>
  command
    .addOption(
      new Option(
        "--regions <regions>",
        "where functions for Node.js run: names or ids, fra,iad; all: in all of the team's",
      ).env("CLOUDIFY_PROJECT_REGIONS"),
    )
    .addOption(
      new Option(
        "--failover <regions>",
        "asked in this order when none of the others answers: iad,sin; off",
      ).env("CLOUDIFY_FAILOVER"),
    )
    .addOption(
      new Option("--release-policy <policy>", "how many regions must be ready before visitors come")
        .choices(["all", "quorum", "any"])
        .env("CLOUDIFY_RELEASE_POLICY"),
    )
    .addOption(
      new Option("--root-directory <folder>", "where in the repository the project is; off").env(
        "CLOUDIFY_ROOT_DIRECTORY",
      ),
    )
    .addOption(
      new Option("--framework <slug>", "instead of the one that is detected: nextjs; off").env(
        "CLOUDIFY_FRAMEWORK",
      ),
    )
    .addOption(
      new Option("--install-command <command>", "puts the packages in place; off").env(
        "CLOUDIFY_INSTALL_COMMAND",
      ),
    )
    .addOption(
      new Option("--build-command <command>", "builds the project; off").env("CLOUDIFY_BUILD_COMMAND"),
    )
    .addOption(
      new Option("--output-directory <folder>", "the folder that the build writes; off").env(
        "CLOUDIFY_OUTPUT_DIRECTORY",
      ),
    )
    .addOption(
      new Option("--node-version <version>", "18, 20, 22 or 24, also as 24.x; off").env(
        "CLOUDIFY_NODE_VERSION",
      ),
    );

/** `off`, of regions also `all`: as if it had never been set. What is not given is left out. @throws CliProblem */
export function settingsOf(flags: SettingFlags): Partial<Settings> {
  const lists = LISTS.flatMap((key) => given(key, flags[key], listOf));
  const texts = TEXTS.flatMap((key) => given(key, flags[key], textOf));
  return {
    ...Object.fromEntries([...lists, ...texts]),
    ...(flags.releasePolicy === undefined ? {} : { releasePolicy: flags.releasePolicy }),
    ...(flags.affinity === undefined ? {} : { affinity: flags.affinity === "off" ? null : "region" }),
  };
}

type Read = (key: keyof SettingFlags, text: string) => string | string[];

const given = (key: keyof SettingFlags, text: string | undefined, read: Read) => {
  if (text === undefined) return [];
  const isNull = text === "off" || (key === "regions" && text === "all");
  return [[key, isNull ? null : read(key, text)] as const];
};

function listOf(key: keyof SettingFlags, text: string): string[] {
  const names = text.split(",").map((name) => name.trim());
  if (!names.includes("")) return names;
  throw empty(key, text, "Give names or ids of regions, as fra,iad");
}

function textOf(key: keyof SettingFlags, text: string): string {
  if (text.trim() !== "") return text;
  throw empty(key, text, "Give a text");
}

/** What a variable of the shell that is not set leaves is no wish to end a setting. */
const empty = (key: string, text: string, fix: string): CliProblem =>
  new CliProblem(
    "invalid_option",
    `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} ${JSON.stringify(text)} holds nothing.`,
    `${fix}; \`off\` ends the setting.`,
    2,
  );
