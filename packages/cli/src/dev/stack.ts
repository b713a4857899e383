/** An error's text as an isolate tells it → the place in the project's own source that it came from. */
import { SourceMap, type SourceMapPayload } from "node:module";
import { isAbsolute, relative, resolve, sep } from "node:path";
import type { Place } from "@cloudify/builder";

export interface Mapped {
  /** Without frames: what was thrown. */
  message: string;
  /** Frames in the project's own source, the innermost first. */
  places: Place[];
}

/** Modules of the platform in each isolate. */
const PLATFORM = "__cloudify/";
/** A bundle is this one module. A source of the project may be called so, too. */
const BUNDLE = "index.js";
const FRAME = /^\s*at (?:.*\()?([^\s()]+?):(\d+):(\d+)\)?$/;

/**
 * @param text As in the log: a message, then frames.
 * @param map Of the function's bundle, or `null`. @param root The project's folder.
 */
export function mapStack(text: string, map: string | null, root: string): Mapped {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => FRAME.test(line));
  const message = lines.slice(0, first < 0 ? lines.length : first).join("\n");
  const sourceMap = map === null ? null : readMap(map);
  const places = lines.slice(message.split("\n").length).flatMap((line): Place[] => {
    const [, file = "", row = "", column = ""] = FRAME.exec(line) ?? [];
    const place = file === "" ? null : placeOf(file, Number(row), Number(column), sourceMap, root);
    return place ? [place] : [];
  });
  return { message, places };
}

/** Of a tree that another tool has built, anything may be there: what is no map tells nothing. */
function readMap(text: string): SourceMap | null {
  try {
    return unlessMapped(JSON.parse(text) as SourceMapPayload);
  } catch {
    return null;
  }
}

/**
 * The platform maps frames where it can; those that are mapped already must not be again. Only the bundle's own name says
 * nothing of that: where a source is called so too, the frame is taken for one that is mapped.
 */
function unlessMapped(map: SourceMapPayload): SourceMap | null {
  return (map.sources ?? []).some((source) => shown(source) === BUNDLE) ? null : new SourceMap(map);
}

/** As the platform tells a source: from the project's folder, wherever the bundler stood. */
const shown = (source: string): string =>
  source.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*\//i, "").replace(/^(?:\.{1,2}\/)+/, "");

function placeOf(
  file: string,
  line: number,
  column: number,
  map: SourceMap | null,
  root: string,
): Place | null {
  if (map === null || file !== BUNDLE) return inside(root, file, line, column);
  const found = map.findEntry(line - 1, column - 1);
  if (!("originalSource" in found)) return null;
  return inside(root, found.originalSource, found.originalLine + 1, found.originalColumn + 1);
}

/** Only what belongs to the project: not what is installed, and nothing of the platform's. */
function inside(root: string, file: string, line: number, column: number): Place | null {
  const path = relative(root, resolve(root, file.replace(/^file:\/\//, "")));
  const isOwn = !path.startsWith("..") && !isAbsolute(path) && !path.split(sep).includes("node_modules");
  if (!isOwn || file.startsWith(PLATFORM) || file.includes("cloudify:")) return null;
  return { file: path.split(sep).join("/"), line, column };
}
