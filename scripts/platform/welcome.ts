/** The first start deploys the example, with the CLI that everyone uses. */
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

/** @returns The example's address, or `null` when it was deployed by an earlier start. @throws When it fails. */
export async function deployExample(home: string, root: string): Promise<string | null> {
  const mark = join(home, "welcomed");
  if (existsSync(mark)) return null;
  const cli = join(root, "packages/cli/bin/cloudify.js");
  const words = ["deploy", join(root, "examples/hello"), "--project", "hello", "--prod", "--yes", "--json"];
  const env = { ...process.env, CLOUDIFY_HOME: home, CLOUDIFY_API: "", CLOUDIFY_TOKEN: "" };
  const { stdout } = await promisify(execFile)(process.execPath, [cli, ...words], { env });
  const { aliases } = JSON.parse(stdout) as { aliases: string[] };
  writeFileSync(mark, "");
  return aliases[0] ?? null;
}
