/**
 * Source maps of a function as they are kept beside its code: without the sources themselves, which are the customer's
 * and are needed by nobody to tell a line. Pure.
 */

/** Bytes of all maps of one function; what reads them holds them in memory beside other customers'. */
export const MAX_MAP_BYTES = 8 * 1024 * 1024;

/** R2 `mapsKey`. */
export interface StoredMaps {
  v: 1;
  /** Name of a module → its map, JSON, version 3. */
  maps: Record<string, string>;
}

/** The comment's last line is what counts (ECMA-426). */
const LINK = /^\/\/[#@] sourceMappingURL=(\S+)[ \t]*$/gm;

/** What a module's text says of its map: its bytes, a path, or nothing. */
export function linkedMap(text: string): { inline: string } | { path: string } | null {
  const url = [...text.matchAll(LINK)].at(-1)?.[1];
  if (url === undefined) return null;
  const data = /^data:application\/json[^,]*?(;base64)?,(.*)$/.exec(url);
  if (!data) return /^[a-z][a-z0-9+.-]*:/i.test(url) ? null : { path: url };
  try {
    const [, isBase64, body = ""] = data;
    const bytes = isBase64 ? Uint8Array.from(atob(body), (one) => one.charCodeAt(0)) : null;
    return { inline: bytes ? new TextDecoder().decode(bytes) : decodeURIComponent(body) };
  } catch {
    return null;
  }
}

/** A text without its map inside: the lines stay where they are. */
export const withoutInlineMap = (text: string): string =>
  text.replace(LINK, (link, url: string) => (url.startsWith("data:") ? "" : link));

/** @returns The map without sources, or `null` when it is none that could be read. */
export function slimMap(text: string): string | null {
  try {
    const map = JSON.parse(text) as Record<string, unknown> & {
      sections?: { map: Record<string, unknown> }[];
    };
    if (map.version !== 3 || !(typeof map.mappings === "string" || Array.isArray(map.sections))) return null;
    const { sourcesContent: _, ...kept } = map;
    const sections = map.sections?.map(({ map: inner, ...section }) => {
      const { sourcesContent: __, ...rest } = inner;
      return { ...section, map: rest };
    });
    return JSON.stringify(sections ? { ...kept, sections } : kept);
  } catch {
    return null;
  }
}
