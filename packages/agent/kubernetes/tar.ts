/** Folders and blobs as tar, streaming both ways. What is unpacked may come from a customer's build: it is not trusted. */
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, lstat, mkdir, opendir, readlink, realpath, rm, symlink } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract, type Pack, pack } from "tar-stream";

/** Ends a tar of ours: without it, the stream was cut. */
const END = ".cloudify-complete";

export interface Entry {
  name: string;
  size: number;
  isExecutable: boolean;
  /** Path of the file that holds it, or the bytes. */
  content: string | Buffer;
}

export interface Limits {
  files: number;
  bytes: number;
}

/** @throws When a source can't be read, and into the stream, so that its reader sees no end. */
export function packEntries(entries: AsyncIterable<Entry> | Iterable<Entry>): Readable {
  return packed(async (tar) => {
    for await (const entry of entries) await addFile(tar, entry);
  });
}

/** Files, folders and symbolic links; nothing else that may lie there. */
export function packFolder(root: string): Readable {
  return packed((tar) => addFolder(tar, root, ""));
}

function packed(fill: (tar: Pack) => Promise<void>): Readable {
  const tar = pack();
  fill(tar)
    .then(() => {
      tar.entry({ name: END }, "");
      tar.finalize();
    })
    .catch((error: Error) => tar.destroy(error));
  // Its stream is another library's, and only looks like Node's.
  return Readable.from(tar as AsyncIterable<Uint8Array>, { objectMode: false });
}

async function addFolder(tar: Pack, root: string, folder: string): Promise<void> {
  for await (const entry of await opendir(join(root, folder))) {
    const name = folder === "" ? entry.name : `${folder}/${entry.name}`;
    const content = join(root, name);
    if (entry.isDirectory()) {
      tar.entry({ name: `${name}/`, type: "directory" });
      await addFolder(tar, root, name);
    } else if (entry.isSymbolicLink()) {
      tar.entry({ name, type: "symlink", linkname: await readlink(content) });
    } else if (entry.isFile()) {
      const { size, mode } = await lstat(content);
      await addFile(tar, { name, size, isExecutable: (mode & 0o100) !== 0, content });
    }
  }
}

async function addFile(tar: Pack, { name, size, isExecutable, content }: Entry): Promise<void> {
  const head = { name, size, mode: isExecutable ? 0o755 : 0o644 };
  if (typeof content !== "string") {
    tar.entry(head, content);
    return;
  }
  // Not past what was promised: a file may grow while it is read.
  const bytes = size === 0 ? null : createReadStream(content, { end: size - 1 });
  const entry = tar.entry(head) as unknown as Writable;
  if (bytes) await pipeline(bytes, entry);
  else entry.end();
}

/**
 * Unpacks into an empty folder, which nobody else writes to.
 *
 * @throws When it is no tar of ours, is cut, over a limit, or would write or lead outside of the folder.
 */
export async function unpack(bytes: Readable, root: string, limits: Limits): Promise<void> {
  const links: { path: string; target: string }[] = [];
  const left = { ...limits };
  let isWhole = false;
  const tar = extract();
  const into = tar as unknown as Writable;
  const read = async (): Promise<void> => {
    for await (const entry of tar) {
      const { name, type, size = 0, mode = 0, linkname } = entry.header;
      if (name === END) isWhole = true;
      left.files -= 1;
      left.bytes -= size;
      if (left.files < 0 || left.bytes < 0)
        throw new Error(`more than ${limits.files} files or ${limits.bytes} bytes`);
      const path = inside(root, root, name);
      if (type === "file" && name !== END) await writeFile(entry as unknown as Readable, path, mode);
      else if (type === "directory") await mkdir(path, { recursive: true });
      else if (type === "symlink") links.push({ path, target: linkname ?? "" });
      else if (type !== "file") throw new Error(`${name} is a ${type}`);
      entry.resume();
    }
  };
  await Promise.all([pipeline(bytes, into), read()]);
  if (!isWhole) throw new Error("the tar is cut");
  // After all files, so that none is written through a link.
  for (const { path, target } of links) {
    inside(root, dirname(path), target);
    await mkdir(dirname(path), { recursive: true });
    await symlink(target, path);
  }
  await checkLinks(root, links);
}

async function writeFile(entry: Readable, path: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // Refuses a second file of that name.
  await pipeline(entry, createWriteStream(path, { flags: "wx" }));
  if (mode & 0o100) await chmod(path, 0o755);
}

function inside(root: string, from: string, target: string): string {
  const path = resolve(from, target);
  if (target.startsWith("/") || target.includes("\0") || !(path === root || path.startsWith(root + sep))) {
    throw new Error(`${JSON.stringify(target)} leads outside`);
  }
  return path;
}

/** Links through links may lead elsewhere than they read; those that lead nowhere are of no use, and go. */
async function checkLinks(root: string, links: readonly { path: string }[]): Promise<void> {
  const real = await realpath(root);
  for (const { path } of links) {
    const target = await realpath(path).catch(() => null);
    if (target === null) await rm(path, { force: true });
    else if (target !== real && !target.startsWith(real + sep)) throw new Error(`${path} leads outside`);
  }
}
