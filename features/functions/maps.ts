/**
 * Source maps of a function as they are kept beside its code: without the sources themselves, which are the customer's
 * and are needed by nobody to tell a line. Pure.
 */

/** Of all maps of one function; what reads them holds them in memory, and its thread meanwhile, beside other customers'. */
export const MAX_MAP_COST = 8 * 1024 * 1024;

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

export interface SlimMap {
  json: string;
  /** Of the whole: {@link MAX_MAP_COST} counts for this. */
  cost: number;
}

/** @returns The map without sources, or `null` when it is none that could be read. */
export function slimMap(text: string): SlimMap | null {
  try {
    const { sourcesContent: _, ...map } = JSON.parse(text) as Flat & {
      version: unknown;
      sections?: Section[];
    };
    if (map.version !== 3) return null;
    const sections = map.sections?.map(({ offset, map: { sourcesContent: __, ...inner } }) => ({
      offset,
      map: inner,
    }));
    const json = JSON.stringify(sections ? { ...map, sections } : map);
    const costs = sections ? sections.map((one) => costOf(one.map)) : [costOf(map)];
    const before = Math.max(0, ...(sections ?? []).map(({ offset }) => integer(offset.line)));
    const cost = costs.reduce((sum, one) => sum + one, json.length + LINE * before);
    return Number.isNaN(cost) ? null : { json, cost };
  } catch {
    return null;
  }
}

interface Flat {
  mappings: string;
  sources: unknown[];
  sourceRoot?: string | null;
  sourcesContent?: unknown;
}

interface Section {
  offset: { line: number };
  map: Flat;
}

/** What a line and a source take when a map is opened, in characters of a map that take as much. */
const LINE = 8;
const SOURCE = 32;

/**
 * Beside its characters: a map of a hundred can ask for lines, and for copies of its root, without an end.
 *
 * @returns `NaN` when it is not what it should be.
 */
function costOf(map: Flat): number {
  const { mappings, sources, sourceRoot } = map;
  const root = sourceRoot ?? "";
  if (typeof mappings !== "string" || typeof root !== "string" || "sections" in map) return Number.NaN;
  let lines = 0;
  for (let at = mappings.indexOf(";"); at !== -1; at = mappings.indexOf(";", at + 1)) lines++;
  return LINE * lines + sources.length * (SOURCE + root.length);
}

const integer = (value: unknown): number => (Number.isSafeInteger(value) ? Number(value) : Number.NaN);
