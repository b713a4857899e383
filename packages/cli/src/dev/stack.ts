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
const FRAME = /^\s*at (?:.*\()?([^\s()]+?):(\d+):(\d+)\)?$/;

/**
 * @param text As in the log: a message, then frames.
 * @param map Of the function's bundle, or `null`. @param root The project's folder.
 */
export function mapStack(text: string, map: string | null, root: string): Mapped {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => FRAME.test(line));
  const message = lines.slice(0, first < 0 ? lines.length : first).join("\n");
  const sourceMap = map === null ? null : new SourceMap(JSON.parse(map) as SourceMapPayload);
  const places = lines.slice(message.split("\n").length).flatMap((line): Place[] => {
    const [, file = "", row = "", column = ""] = FRAME.exec(line) ?? [];
    const place = file === "" ? null : placeOf(file, Number(row), Number(column), sourceMap, root);
    return place ? [place] : [];
  });
  return { message, places };
}

function placeOf(
  file: string,
  line: number,
  column: number,
  map: SourceMap | null,
  root: string,
): Place | null {
  // The platform may have mapped it already.
  if (map === null || !/(?:^|\/)index\.js$/.test(file)) return inside(root, file, line, column);
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
