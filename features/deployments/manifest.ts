/** Which manifests there may be. Pure: paths, sizes and names only. */
import { Problem } from "#core/problem.ts";

export interface ManifestFile {
  path: string;
  sha256: string;
  size: number;
  isExecutable?: true | undefined;
  /** Target of a symbolic link, relative to the folder that it lies in; the bytes are the target's text. */
  link?: string | undefined;
}

const MAX_SEGMENT_BYTES = 255;
const MAX_PATH_BYTES = 1_024;
/** The platform answers these itself. */
const RESERVED = /^static\/(?:_cloudify|\.well-known\/cloudify)(?:\/|$)/;

/**
 * A Build Output tree.
 *
 * @param maxBytes Of all files together.
 * @throws Problem `invalid_manifest` or `too_large`, naming the first file that is wrong.
 */
export function checkManifest(files: readonly ManifestFile[], maxBytes: number): void {
  checkTree(files, maxBytes, addressFaultOf, functionOf);
  if (!files.some((file) => file.path === "config.json")) {
    throw new Problem("invalid_manifest", "The manifest has no config.json.", {
      fix: "Send a Build Output API v3 tree (config.json, static/…); `cloudify build` makes one from any folder.",
    });
  }
}

/** A repository's files, which a region builds. */
export const checkSource = (files: readonly ManifestFile[], maxBytes: number): void =>
  checkTree(files, maxBytes, faultOf, () => "");

/**
 * @param rootOf The folder, with its slash, that a link at this path stays in; `null`: there can be no link.
 */
function checkTree(
  files: readonly ManifestFile[],
  maxBytes: number,
  pathFaultOf: (path: string) => string | null,
  rootOf: (path: string) => string | null,
): void {
  const seen = new Map<string, string>();
  let bytes = 0;
  for (const file of files) {
    const fault =
      pathFaultOf(file.path) ??
      (file.link === undefined ? null : linkFaultOf(file.path, file.link, rootOf(file.path)));
    if (fault !== null) throw wrong(file.path, fault);
    const folded = fold(file.path);
    const twin = seen.get(folded);
    if (twin !== undefined) {
      throw wrong(
        file.path,
        twin === file.path ? "stands twice" : `differs from ${twin} only in case or in Unicode form`,
      );
    }
    seen.set(folded, file.path);
    bytes += file.size;
  }
  checkFolders(seen);
  if (bytes > maxBytes) {
    throw new Problem("too_large", `The deployment has ${bytes} bytes; ${maxBytes} are allowed.`, {
      fix: "Deploy fewer or smaller files; keep large media in a store of their own.",
    });
  }
}

/** A function may be a link to another; a link inside of one stays there. */
function functionOf(path: string): string | null {
  const inside = /^functions\/.+?\.func\//.exec(path)?.[0];
  return inside ?? (/^functions\/.+\.func$/.test(path) ? "functions/" : null);
}

/**
 * It is made where strangers' folders lie beside. Its own folders are no links (no file is another's folder), so steps
 * up are safe where they are counted: first of all, before a name that may be a link leads elsewhere.
 */
function linkFaultOf(path: string, link: string, root: string | null): string | null {
  if (root === null) return "is a link, and stands in no function's folder";
  const [, up = "", down = ""] = /^((?:\.\.?(?:\/|$))*)(.*)$/s.exec(link) ?? [];
  const above = path.slice(root.length).split("/").length - 1;
  const steps = up.split("/").filter((part) => part === "..").length;
  if (down === "" || steps > above || faultOf(down) !== null) return "is a link that leads out of its folder";
  return null;
}

/**
 * No file is another's folder. With the separator sorted before every other character (no path holds NUL), whatever lies
 * below a name comes right behind it, so that neighbours tell: deep paths cost no more than shallow ones.
 */
function checkFolders(seen: ReadonlyMap<string, string>): void {
  const sorted = [...seen].map(([folded, path]) => ({ key: folded.replaceAll("/", "\0"), path }));
  sorted.sort((a, b) => (a.key < b.key ? -1 : 1));
  for (const [i, { key, path }] of sorted.entries()) {
    const next = sorted[i + 1];
    if (next?.key.startsWith(`${key}\0`)) {
      throw wrong(path, `is a file, and ${JSON.stringify(next.path)} needs it to be a directory`);
    }
  }
}

/** What is wrong with a path, or `null`. */
export function faultOf(path: string): string | null {
  if (path.startsWith("/")) return "is absolute";
  if (path.includes("\\")) return "holds a backslash";
  if (/[\u0000-\u001f\u007f]/.test(path)) return "holds a control character";
  if (!path.isWellFormed()) return "is not valid Unicode";
  const encoder = new TextEncoder();
  if (encoder.encode(path).length > MAX_PATH_BYTES) return `is longer than ${MAX_PATH_BYTES} bytes`;
  for (const segment of path.split("/")) {
    if (segment === "") return "has an empty part";
    if (segment === "." || segment === "..") return "leads out of its folder";
    if (encoder.encode(segment).length > MAX_SEGMENT_BYTES)
      return `has a part longer than ${MAX_SEGMENT_BYTES} bytes`;
  }
  return null;
}

/** What is wrong with the address of a file of an output, or `null`. */
export const addressFaultOf = (path: string): string | null =>
  faultOf(path) ?? (RESERVED.test(path) ? "is kept for the platform" : null);

/** Names that some file systems, or people, can't tell apart. */
const fold = (path: string): string => path.normalize("NFC").toLowerCase();

const wrong = (path: string, fault: string): Problem =>
  new Problem("invalid_manifest", `${JSON.stringify(path)} ${fault}.`, {
    fix: "Rename the file, or leave it out.",
    extensions: { path },
  });
