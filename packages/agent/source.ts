/** The source of a build, as its manifest names it. */
import { readFile } from "node:fs/promises";
import type { WorkloadFile } from "@cloudify/protocol";

/** As the manifest blob of a source is written. */
interface SourceManifest {
  v: 1;
  files: { path: string; sha256: string; size: number; isExecutable?: true; link?: string }[];
}

/** @returns Path → file. @throws When it is no manifest that this agent knows. */
export async function filesOf(manifest: string): Promise<Record<string, WorkloadFile>> {
  const { v, files } = JSON.parse(await readFile(manifest, "utf8")) as SourceManifest;
  if (v !== 1 || !Array.isArray(files))
    throw new Error("The manifest of the source has a form that is not known here.");
  return Object.fromEntries(
    files.map(({ path, sha256, size, isExecutable, link }) => [
      path,
      link === undefined ? { sha256, size, ...(isExecutable && { isExecutable }) } : { link },
    ]),
  );
}
