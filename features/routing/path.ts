/** The wall for request paths: what passes is safe to look up and to match. */

/** Bytes of path and query; patterns run over the path. */
export const MAX_PATH = 8 * 1024;

export type CheckedPath = { ok: true } | { ok: false; status: 400 | 414; detail: string };

/** @param pathname As the URL parser left it: dot segments are gone, percent encodings are not. */
export function checkPath(pathname: string): CheckedPath {
  if (pathname.length > MAX_PATH) {
    return { ok: false, status: 414, detail: `The path is longer than ${MAX_PATH} bytes.` };
  }
  const decoded = decodePath(pathname);
  if (decoded === null)
    return { ok: false, status: 400, detail: "The path is not valid percent-encoded UTF-8." };
  if (decoded.includes("\0")) return { ok: false, status: 400, detail: "The path holds a NUL." };
  return { ok: true };
}

/** @returns `null` for broken percent encodings and for what is not UTF-8, overlong forms too. */
export function decodePath(pathname: string): string | null {
  if (!pathname.includes("%")) return pathname;
  try {
    return decodeURIComponent(pathname);
  } catch {
    return null;
  }
}
