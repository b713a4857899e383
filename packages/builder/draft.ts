/** Writes a tree beside and renames it, so that it is there whole or not at all. */
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** @param output Where the tree goes; what is there is replaced. @param write Fills the folder that it is given, which is empty. */
export async function replaceTree(output: string, write: (draft: string) => Promise<void>): Promise<void> {
  const draft = `${output}.${process.pid}.tmp`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  await write(draft);
  await rm(output, { recursive: true, force: true });
  await mkdir(dirname(output), { recursive: true });
  await rename(draft, output);
}
