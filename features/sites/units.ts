/** The folders of functions in an output: `functions/<name>.func/…`. Pure. */
import type { WorkloadFile } from "@cloudify/protocol";
import type { ManifestFile } from "#features/deployments/manifest.ts";

const CONFIG = ".vc-config.json";

export interface Unit {
  config: ManifestFile | null;
  /** Path inside the folder → file. */
  files: Map<string, ManifestFile>;
}

export const folderOf = (name: string): string => `functions/${name}.func`;
export const configOf = (name: string): string => `${folderOf(name)}/${CONFIG}`;

export function unitsOf(files: readonly ManifestFile[]): Map<string, Unit> {
  const units = new Map<string, Unit>();
  for (const file of files) {
    const found = /^functions\/(.+?)\.func\/(.+)$/.exec(file.path);
    if (!found) continue;
    const [, name = "", path = ""] = found;
    const unit = units.get(name) ?? { config: null, files: new Map() };
    units.set(name, unit);
    if (path === CONFIG) unit.config = file;
    else unit.files.set(path, file);
  }
  return units;
}

/** As a region gets them. */
export const workloadFiles = (files: ReadonlyMap<string, ManifestFile>): Map<string, WorkloadFile> =>
  new Map(
    [...files].map(([path, { sha256, size, isExecutable, link }]): [string, WorkloadFile] => [
      path,
      link === undefined ? { sha256, size, ...(isExecutable ? { isExecutable } : {}) } : { link },
    ]),
  );
