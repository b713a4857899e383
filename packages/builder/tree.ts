/** An output tree as it is deployed: its own files, those that its functions name elsewhere, and bundles of traced ones. */
import { collectFiles, type FoundFile } from "./files.ts";
import { mappedFiles } from "./mapped.ts";
import { bundleTraced, type Held, type MadeFile } from "./traced.ts";

/**
 * @param root The project's folder. @param held Bundles of the last time that it was read.
 * @throws BuildProblem
 */
export async function readTree(
  output: string,
  root: string,
  held?: Held,
): Promise<{ found: FoundFile[]; made: MadeFile[] }> {
  const own = await collectFiles(output, false);
  return bundleTraced(output, [...own, ...(await mappedFiles(output, root, own))], held);
}
