/** Symbolic links of an output: they are made again where a function runs, so they must not lead anywhere else. Pure. */

/**
 * @param from Folder that the link lies in, relative to its function's; nothing for that folder itself.
 * @param target What the link says.
 * @returns Whether it stays inside of the function's folder, on its whole way.
 */
export function staysInside(from: string, target: string): boolean {
  if (target === "" || target.startsWith("/") || target.includes("\\")) return false;
  let depth = from === "" ? 0 : from.split("/").length;
  for (const part of target.split("/")) {
    if (part === "..") depth--;
    else if (part !== "." && part !== "") depth++;
    if (depth < 0) return false;
  }
  return depth > 0;
}
