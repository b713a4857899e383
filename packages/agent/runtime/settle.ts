/** What the process of a workload is to be, from its spec: decided before anything runs, and refused if it can't be. */
import { isAbsolute, normalize, sep } from "node:path";
import type { NodeFunction, WorkloadSpec } from "@cloudify/protocol";

export interface Settled {
  /** Folder that the process works in, relative to the workload's. */
  cwd: string;
  functions: ReadonlyMap<string, NodeFunction>;
  /** Variables that the functions' builder gave them. */
  environment: Record<string, string>;
}

/**
 * One process has one working folder and one environment, so functions that differ in these can't share it.
 *
 * @throws With the function's name and what to do.
 */
export function settle(spec: WorkloadSpec): Settled {
  const { run } = spec;
  if (run.kind !== "functions") throw new Error("A service runs by its own command, not by this runtime.");
  const all = Object.entries(run.functions);
  const [first] = all;
  if (!first)
    throw new Error(`The workload "${spec.group}" has no functions: leave it out of the deployment.`);
  const cwd = folderOf(first[1]);
  const environment: Record<string, string> = {};
  for (const [name, one] of all) {
    for (const path of [one.cwd, one.handler]) refuseOutside(name, path);
    if (folderOf(one) !== cwd) {
      throw new Error(
        `"${name}" works in ${one.cwd}, and "${first[0]}" in ${first[1].cwd}: put them into different groups.`,
      );
    }
    for (const [variable, value] of Object.entries(one.environment)) {
      const other = environment[variable];
      if (other !== undefined && other !== value) {
        throw new Error(
          `"${name}" has another ${variable} than a function before it: put them into different groups.`,
        );
      }
      environment[variable] = value;
    }
  }
  return { cwd, functions: new Map(all), environment };
}

const folderOf = ({ cwd }: NodeFunction): string => normalize(`${cwd}/`);

function refuseOutside(name: string, path: string): void {
  if (isAbsolute(path) || normalize(path).split(sep)[0] === "..") {
    throw new Error(`"${name}" names ${path}, which lies outside of its workload's folder.`);
  }
}
