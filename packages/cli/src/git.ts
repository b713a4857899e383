/** What the repository says of a folder. Without git, or outside a repository, it says nothing. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface GitData {
  branch?: string;
  commit?: string;
  message?: string;
  author?: string;
  dirty?: boolean;
}

export async function gitDataOf(folder: string): Promise<GitData | null> {
  const git = async (...words: string[]): Promise<string | null> => {
    try {
      return (await promisify(execFile)("git", words, { cwd: folder, timeout: 5_000 })).stdout.trim();
    } catch {
      return null;
    }
  };
  // A folder that the repository ignores, an installed package say, is not what the commit is about.
  if ((await git("check-ignore", "-q", folder)) !== null) return null;
  const head = await git("log", "-1", "--format=%H%n%an%n%s");
  if (head === null) return null;
  const [commit = "", author = "", message = ""] = head.split("\n");
  const [branch, changes] = await Promise.all([
    git("symbolic-ref", "--short", "-q", "HEAD"),
    git("status", "--porcelain", "--untracked-files=no", "--", "."),
  ]);
  return {
    commit,
    author: author.slice(0, 250),
    message: message.slice(0, 1_000),
    dirty: changes !== "",
    ...(branch ? { branch: branch.slice(0, 250) } : {}),
  };
}
