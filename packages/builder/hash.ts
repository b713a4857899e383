/** SHA-256 of files, a few at a time, without holding them in memory. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { FoundFile } from "./files.ts";
import { BuildProblem } from "./problem.ts";

export interface HashedFile extends FoundFile {
  /** 64 hex digits. */
  sha256: string;
}

const AT_ONCE = 8;

/** @param onFile Called after each. @throws BuildProblem when a file changes while it is read. */
export async function hashFiles(files: readonly FoundFile[], onFile: () => void): Promise<HashedFile[]> {
  const hashed: HashedFile[] = new Array(files.length);
  const waiting = files.entries();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const [i, file] of waiting) {
        hashed[i] = { ...file, sha256: await hashFile(file) };
        onFile();
      }
    }),
  );
  return hashed;
}

async function hashFile(file: FoundFile): Promise<string> {
  const hash = createHash("sha256");
  if (file.link !== undefined) return hash.update(file.link).digest("hex");
  for await (const chunk of createReadStream(file.absolute)) hash.update(chunk as Buffer);
  const after = await stat(file.absolute);
  if (after.size !== file.size || after.mtimeMs !== file.changedAt) {
    throw new BuildProblem(
      "file_changed",
      `${file.path} changed while it was read.`,
      "Wait until nothing writes, then deploy again.",
    );
  }
  return hash.digest("hex");
}
