/** Stacks of bundled code → stacks of its source. Pure: knows neither what a map looks like nor where one lies. */
import { RESERVED_MODULES } from "./function.ts";

export interface Position {
  source: string;
  /** From 1. */
  line: number;
  /** From 1. */
  column: number;
}

/** @returns `null` when no map knows the place. */
export type Locate = (module: string, line: number, column: number) => Position | null;

/**
 * `    at deep (index.js:1:58)`, `    at async index.js:1:58`; nested in an object it stands further in, and the object
 * goes on behind the last. Looked at from both ends: a line is a customer's, and one pattern for all of it can be made
 * to look for seconds.
 */
const HEAD = /^[ \t]+at /;
const TAIL = /:(\d+):(\d+)(\)?)(,| \{|(?: [\]}])+,?)?$/;
/** What else is printed in one line with an error stands behind its last frame: `console.error(error, { id: 7 })`. */
const MORE = /:(\d+):(\d+)(\)?)( .*)$/;

interface Frame {
  at: string;
  /** What was called, and `async`. */
  what: string;
  /** The bracket around the place, or nothing. */
  open: string;
  place: string;
  line: number;
  column: number;
  close: string;
  /** How the object goes on around it. */
  behind: string;
}

function frameOf(text: string): Frame | null {
  const at = HEAD.exec(text)?.[0];
  const tail = at === undefined ? null : (TAIL.exec(text) ?? MORE.exec(text));
  if (at === undefined || !tail || tail.index < at.length) return null;
  const [, line = "", column = "", close = "", behind = ""] = tail;
  const rest = text.slice(at.length, tail.index);
  const border = Math.max(...["(", ")", ":"].map((one) => rest.lastIndexOf(one)));
  const place = rest.slice(border + 1).trimStart();
  if (place === "") return null;
  const before = rest.slice(0, rest.length - place.length);
  const open = before.endsWith("(") ? "(" : "";
  const what = open === "" ? before : before.slice(0, -1);
  return { at, what, open, place, line: Number(line), column: Number(column), close, behind };
}

/** The module around a customer's, which bundlers of ours add. */
const OWN_ENTRY = /(?:^|\/)(?:cloudify:entry|<entry>|<stdin>)$/;

export const hasFrames = (text: string): boolean => text.split("\n").some((line) => frameOf(line) !== null);

/** Frames that are the platform's own are left out; those that no map knows stay as they are. */
export function mapFrames(text: string, locate: Locate): string {
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    const frame = frameOf(line);
    const mapped = frame ? mapFrame(line, frame, locate) : line;
    if (mapped !== null) lines.push(mapped);
    else if (lines.length > 0) lines.push((lines.pop() ?? "") + (frame?.behind ?? ""));
  }
  return lines.join("\n");
}

/** @returns `null` for one of the platform's own. */
function mapFrame(text: string, frame: Frame, locate: Locate): string | null {
  const { at, what, open, place, line, column, close, behind } = frame;
  // `at async index.js:1:2`: without brackets the word belongs to the place.
  const [, asyncly = "", module = place] = /^(async )?(.*)$/.exec(open === "" ? what + place : place) ?? [];
  if (module.startsWith(RESERVED_MODULES) || OWN_FRAME.test(text)) return null;
  const found = locate(module, line, column);
  if (!found) return text;
  if (OWN_ENTRY.test(found.source)) return null;
  const called = open === "" ? asyncly : what;
  return `${at}${called}${open}${found.source}:${found.line}:${found.column}${close}${behind}`;
}

/** How our main module comes to the handler. */
const OWN_FRAME = /\(?node-internal:(?:internal_)?async_hooks/;
