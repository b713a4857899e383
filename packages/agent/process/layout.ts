/** The folder of a workload, laid out from its files. What leads out of the folder is refused before a byte is written. */
import { chmod, constants, copyFile, mkdir, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { WorkloadFile } from "@cloudify/protocol";
import { each } from "../each.ts";

type Files = Record<string, WorkloadFile>;

/** As many links may a path go through; as Linux has it. */
const MAX_HOPS = 40;

/** @returns What is wrong with the files, or `null`. */
export function faultOf(files: Files): string | null {
  for (const [path, file] of Object.entries(files)) {
    const parts = path.split("/");
    if (parts.some((part) => part === "" || part === "." || part === ".." || part.includes("\0")))
      return `The path ${JSON.stringify(path)} is not a plain relative path.`;
    for (let at = 1; at < parts.length; at++) {
      const above = parts.slice(0, at).join("/");
      if (Object.hasOwn(files, above)) return `${path} lies beneath ${above}, which is no folder.`;
    }
    if ("link" in file && !staysInside(files, path, file.link))
      return `The link ${path} leads out of the workload's folder.`;
    if ("sha256" in file && !/^[0-9a-f]{64}$/.test(file.sha256)) return `The digest of ${path} is none.`;
  }
  return null;
}

/** Walks as the kernel would: what comes after a link is relative to where the link has led. */
function staysInside(files: Files, path: string, target: string): boolean {
  if (target === "" || target.startsWith("/") || target.includes("\0")) return false;
  const here = path.split("/").slice(0, -1);
  const ahead = target.split("/");
  for (let hops = 0; ahead.length > 0; ) {
    const part = ahead.shift();
    if (part === undefined || part === "" || part === ".") continue;
    if (part === "..") {
      if (here.pop() === undefined) return false;
      continue;
    }
    const next = files[[...here, part].join("/")];
    if (next && "link" in next) {
      if (next.link.startsWith("/") || ++hops > MAX_HOPS) return false;
      ahead.unshift(...next.link.split("/"));
    } else {
      here.push(part);
    }
  }
  return true;
}

/** Files that are copied at once. */
const AT_ONCE = 16;

/**
 * Copies, never hard links: a function that writes to its file in place would change it for every deployment that has the
 * same bytes. (Where the file system can, the copy shares its blocks.)
 *
 * @param folder Is there, whole, when this resolves; never half.
 * @param files Without a {@link faultOf}.
 */
export async function layOut(
  folder: string,
  files: Files,
  fileOf: (sha256: string) => Promise<string>,
  signal: AbortSignal,
): Promise<void> {
  const draft = `${folder}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  const folders = new Set(Object.keys(files).map((path) => dirname(join(draft, path))));
  for (const one of folders) await mkdir(one, { recursive: true });
  await each(Object.entries(files), AT_ONCE, async ([path, file]) => {
    signal.throwIfAborted();
    const to = join(draft, path);
    if ("link" in file) {
      await symlink(file.link, to);
    } else {
      await copyFile(await fileOf(file.sha256), to, constants.COPYFILE_FICLONE);
      await chmod(to, file.isExecutable ? 0o755 : 0o644);
    }
  });
  await rm(folder, { recursive: true, force: true });
  await rename(draft, folder);
}
