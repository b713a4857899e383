/** Which package manager a project wants, in which version. Pure: the files were read by others. */
import type { Manager } from "@cloudify/builder/detect";

export interface Managed {
  manager: Manager;
  /** `null`: whichever is there. */
  version: string | null;
  /** The npm package that brings it; `null` for npm, which comes with Node. */
  package: string | null;
}

export interface Hints {
  /** `packageManager` of package.json: `pnpm@10.1.0+sha512.…`. */
  declared: string | undefined;
  lockfile: { name: string; manager: Manager; text: string } | null;
}

/** What reads the lockfiles of its time, where a project names no version. */
const PNPM: Record<string, string> = { "5": "7.33.7", "6": "8.15.9", "7": "9.15.9", "9": "10.34.8" };
const NEWEST_PNPM = "10.34.8";
const CLASSIC_YARN = "1.22.22";
const YARN = "4.18.1";

/** The lockfile says which; `packageManager` says which version, and which where there is no lockfile. */
export function managedBy({ declared, lockfile }: Hints): Managed {
  const [, named, exact] = /^(npm|pnpm|yarn|bun)@(\d+\.\d+\.\d+[^+]*)/.exec(declared ?? "") ?? [];
  const manager = lockfile?.manager ?? (named as Manager | undefined) ?? "npm";
  const version = named === manager ? (exact ?? null) : null;
  switch (manager) {
    case "npm":
      return { manager, version: null, package: null };
    case "pnpm":
      return { manager, package: "pnpm", version: version ?? pnpmOf(lockfile?.text) };
    case "yarn": {
      const wanted = version ?? (lockfile && !isBerry(lockfile.text) ? CLASSIC_YARN : YARN);
      // From the second on, yarn comes as another package.
      return { manager, package: wanted.startsWith("1.") ? "yarn" : "@yarnpkg/cli-dist", version: wanted };
    }
    case "bun":
      return {
        manager,
        package: `@oven/bun-${process.platform}-${process.arch === "arm64" ? "aarch64" : "x64"}`,
        version,
      };
  }
}

const pnpmOf = (text = ""): string => PNPM[/^lockfileVersion: '?(\d+)/m.exec(text)?.[1] ?? ""] ?? NEWEST_PNPM;

const isBerry = (text: string): boolean => /^__metadata:/m.test(text);

/** What installs a project's dependencies: as they are locked, where that is known to be so. */
export const installOf = ({ manager }: Managed): string =>
  manager === "yarn" ? "yarn install" : `${manager} install`;
