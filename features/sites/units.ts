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

/** A linked function is the other under a name of its own. */
export function unitsOf(files: readonly ManifestFile[]): Map<string, Unit> {
  const units = new Map<string, Unit>();
  const links = new Map<string, string>();
  for (const file of files) {
    const linked = LINKED.exec(file.path)?.[1];
    if (linked !== undefined && file.link !== undefined) links.set(linked, nameAt(linked, file.link));
    const found = /^functions\/(.+?)\.func\/(.+)$/.exec(file.path);
    if (!found) continue;
    const [, name = "", path = ""] = found;
    const unit = units.get(name) ?? { config: null, files: new Map() };
    units.set(name, unit);
    if (path === CONFIG) unit.config = file;
    else unit.files.set(path, file);
  }
  const own = new Map(units);
  for (const name of links.keys()) units.set(name, own.get(endOf(links, name)) ?? NOTHING);
  return units;
}

export const isLinkedFunction = ({ path, link }: ManifestFile): boolean =>
  link !== undefined && LINKED.test(path);

const LINKED = /^functions\/((?:(?!\.func\/).)+)\.func$/;
const NOTHING: Unit = { config: null, files: new Map() };

/** Name of the function that a link at this one's place leads to. */
function nameAt(name: string, link: string): string {
  const { pathname } = new URL(link.split("/").map(encodeURIComponent).join("/"), `file:///${encoded(name)}`);
  return decodeURIComponent(pathname.slice(1)).replace(/\.func$/, "");
}

const encoded = (name: string): string => name.split("/").map(encodeURIComponent).join("/");

/** Links that run in a circle lead to nothing. */
function endOf(links: ReadonlyMap<string, string>, name: string): string {
  let at = name;
  for (let next = links.get(at), n = 0; next !== undefined && n <= links.size; next = links.get(at), n++)
    at = next;
  return at;
}

/** As a region gets them. */
export const workloadFiles = (files: ReadonlyMap<string, ManifestFile>): Map<string, WorkloadFile> =>
  new Map(
    [...files].map(([path, { sha256, size, isExecutable, link }]): [string, WorkloadFile] => [
      path,
      link === undefined ? { sha256, size, ...(isExecutable ? { isExecutable } : {}) } : { link },
    ]),
  );
