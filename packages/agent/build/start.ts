/** Which script starts a service: run by npm, which is there wherever Node is, unlike the project's own manager. */
import type { PackageJson } from "@cloudify/builder/detect";
import { BuildFault } from "./fault.ts";

type Scripts = Readonly<Record<string, string>>;

/** A script that does nothing but run another of the project: `pnpm serve`, `yarn run serve`. */
const RUNS_ANOTHER = /^(?:pnpm|yarn|bun) (?:run )?([\w:.-]+)$/;
const ASKS_NPM = /\bnpm (?:run(?:-script)? )?(?:--?[\w-]+ )*([\w:.-]+)/g;
/** Where a shell takes a word for a program: at the beginning, behind an operator, a quote or what sets variables. */
const MANAGER =
  /(?:^|[;&|("'`]|\b(?:exec|env|cross-env))\s*(?:\w+=\S*\s+)*(pnpm|pnpx|yarn|bunx?)(?=[\s;&|)"'`]|$)/g;

/**
 * @param hasProgram Whether a package brings a program of that name.
 * @returns Name of the script for `npm run`. @throws BuildFault when it needs a package manager that won't be there.
 */
export async function startOf(
  manifest: PackageJson | null,
  hasProgram: (name: string) => Promise<boolean>,
): Promise<string> {
  const scripts = manifest?.scripts ?? {};
  const start = followed(scripts, "start");
  for (const name of reached(scripts, start)) {
    for (const [, program = ""] of (scripts[name] ?? "").matchAll(MANAGER)) {
      if (await hasProgram(program)) continue;
      throw new BuildFault(
        "start_script",
        `The script ${name} of package.json calls ${program}, which is not there where a service runs: \`${scripts[name]}\`.`,
        `Let it call node, a program of its packages, or \`npm run\`; or add ${program} to the dependencies.`,
      );
    }
  }
  return start;
}

/** What npm would run before and after a script is kept: such a script is not passed over. */
function followed(scripts: Scripts, first: string): string {
  const passed = new Set<string>();
  for (let name = first; ; ) {
    passed.add(name);
    const next = RUNS_ANOTHER.exec(scripts[name]?.trim() ?? "")?.[1];
    const isPlain = scripts[`pre${name}`] === undefined && scripts[`post${name}`] === undefined;
    if (next === undefined || !isPlain || !Object.hasOwn(scripts, next) || passed.has(next)) return name;
    name = next;
  }
}

/** All scripts that npm runs for one. */
function reached(scripts: Scripts, start: string): Set<string> {
  const found = new Set([start]);
  for (const name of found) {
    const asked = [...(scripts[name] ?? "").matchAll(ASKS_NPM)].map(([, other = ""]) => other);
    for (const one of [`pre${name}`, `post${name}`, ...asked])
      if (Object.hasOwn(scripts, one)) found.add(one);
  }
  return found;
}
