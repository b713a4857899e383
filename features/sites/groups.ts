/**
 * Which node functions share a process. Those that can lie in one folder do: the pages of a framework are one program
 * under many names, and a region starts it once. Pure: knows neither where the files come from nor who runs them.
 */
import type { NodeFunction, WorkloadFile, WorkloadSpec } from "@cloudify/protocol";

/** Bytes of all files of a group, uncompressed: Vercel's limit for one function. */
export const MAX_GROUP_BYTES = 250 * 1024 * 1024;

/** What one function asks of its process. */
export interface Candidate {
  /** The output's name. */
  name: string;
  node: number;
  memory: number;
  /** Ids of the regions that it runs in, in failover order; `null`: wherever the deployment does. */
  regions: readonly string[] | null;
  /** A program of its own shares its process with nobody. */
  run: NodeFunction | { command: string; maxDuration: number };
  /** Path inside its folder → file. */
  files: ReadonlyMap<string, WorkloadFile>;
}

export interface Process {
  spec: WorkloadSpec;
  /** As {@link Candidate.regions}. */
  regions: readonly string[] | null;
  /** Name of a function that it answers for → seconds to the first byte. */
  durations: Record<string, number>;
}

interface Group {
  first: Candidate;
  members: Candidate[];
  files: Map<string, WorkloadFile>;
  folders: Set<string>;
  bytes: number;
}

/**
 * First fit, in the order given, so that equal outputs have equal groups. The files of a group lie in one folder, which
 * each of its functions takes for its own.
 *
 * @param candidates None larger than {@link MAX_GROUP_BYTES}.
 */
export function groupFunctions(candidates: readonly Candidate[]): Process[] {
  const groups: Group[] = [];
  for (const one of candidates) {
    const group = groups.find((held) => isProcessOf(held.first, one) && join(held, one));
    if (group) group.members.push(one);
    else groups.push(begin(one));
  }
  return groups.map(processOf);
}

/** Whether one process can be both: variables and regions are a process's, not a function's. */
function isProcessOf(first: Candidate, one: Candidate): boolean {
  if ("command" in first.run || "command" in one.run) return false;
  return (
    first.node === one.node &&
    first.memory === one.memory &&
    first.regions?.join() === one.regions?.join() &&
    variables(first.run.environment) === variables(one.run.environment)
  );
}

const variables = (environment: Record<string, string>): string =>
  JSON.stringify(Object.entries(environment).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Adds its files, or changes nothing and says that they do not fit. */
function join(group: Group, one: Candidate): boolean {
  const added: [string, WorkloadFile][] = [];
  for (const [path, file] of one.files) {
    const held = group.files.get(path);
    if (held ? !isSame(held, file) : group.folders.has(path) || liesInFile(group, path)) return false;
    if (!held) added.push([path, file]);
  }
  const bytes = group.bytes + sizeOf(added.map(([, file]) => file));
  if (bytes > MAX_GROUP_BYTES) return false;
  group.bytes = bytes;
  for (const [path, file] of added) add(group, path, file);
  return true;
}

function begin(one: Candidate): Group {
  const group: Group = { first: one, members: [one], files: new Map(), folders: new Set(), bytes: 0 };
  for (const [path, file] of one.files) add(group, path, file);
  group.bytes = sizeOf(one.files.values());
  return group;
}

function add({ files, folders }: Group, path: string, file: WorkloadFile): void {
  files.set(path, file);
  for (const folder of foldersOf(path)) folders.add(folder);
}

const liesInFile = ({ files }: Group, path: string): boolean =>
  foldersOf(path).some((folder) => files.has(folder));

function foldersOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
}

const isSame = (a: WorkloadFile, b: WorkloadFile): boolean =>
  "link" in a
    ? "link" in b && a.link === b.link
    : "sha256" in b && a.sha256 === b.sha256 && a.isExecutable === b.isExecutable;

export const sizeOf = (files: Iterable<WorkloadFile>): number =>
  [...files].reduce((sum, file) => sum + ("size" in file ? file.size : 0), 0);

function processOf({ first, members, files }: Group, index: number): Process {
  const { node, memory, run, regions } = first;
  const durations = Object.fromEntries(members.map((one) => [one.name, one.run.maxDuration]));
  const about = { v: 1, group: `g${index}`, node, memory, files: Object.fromEntries(files) } as const;
  if ("command" in run) return { spec: { ...about, run: { kind: "service", ...run } }, regions, durations };
  const functions = members.flatMap((one) => ("handler" in one.run ? [[one.name, one.run] as const] : []));
  return {
    spec: { ...about, run: { kind: "functions", functions: Object.fromEntries(functions) } },
    regions,
    durations,
  };
}
