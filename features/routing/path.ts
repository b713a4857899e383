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

/** What a URL parser leaves in a path as it is: `pchar` of RFC 3986, 3.3, and `[ ] |`. */
const PLAIN = /[\w.~!$&'()*+,;=:@|[\]-]/;

/**
 * The one spelling of a path that is routed, guarded and looked up: escapes of what needs none are undone (RFC 3986,
 * 6.2.2.2). Otherwise `/%61dmin` would be found where a matcher of `/admin` is not asked.
 */
export const canonicalPath = (pathname: string): string =>
  pathname.includes("%")
    ? pathname.replace(/%([2-7][0-9a-f])/gi, (found, hex: string) => {
        const character = String.fromCharCode(Number.parseInt(hex, 16));
        return PLAIN.test(character) ? character : found;
      })
    : pathname;

/** Vercel's edge answers these with the path that has one slash each. @returns `null`: it has no slashes in a row. */
export const singleSlashed = (pathname: string): string | null =>
  pathname.includes("//") ? pathname.replace(/\/{2,}/g, "/") : null;

/** What a path asks for among the outputs: an escaped slash is part of a name, and parts nothing. */
export const lookupPath = (pathname: string): string | null => decodePath(pathname.replace(/%2f/gi, "%252F"));

/** @returns `null` for broken percent encodings and for what is not UTF-8, overlong forms too. */
export function decodePath(pathname: string): string | null {
  if (!pathname.includes("%")) return pathname;
  try {
    return decodeURIComponent(pathname);
  } catch {
    return null;
  }
}
