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
 * goes on behind the last.
 */
const FRAME = /^(\s+at )(.*?)(\(?)((?:[^\s():][^():]*?)):(\d+):(\d+)(\)?)(,| \{|(?: [\]}])+,?)?$/gm;
/** The module around a customer's, which bundlers of ours add. */
const OWN_ENTRY = /(?:^|\/)(?:cloudify:entry|<entry>|<stdin>)$/;

export const hasFrames = (text: string): boolean => text.search(FRAME) !== -1;

/** Frames that are the platform's own are left out; those that no map knows stay as they are. */
export function mapFrames(text: string, locate: Locate): string {
  const mapped = text.replace(
    FRAME,
    (frame, at: string, what: string, open: string, place: string, line, column, close, behind = "") => {
      // `at async index.js:1:2`: without brackets the word belongs to the place.
      const [, asyncly = "", module = place] =
        /^(async )?(.*)$/.exec(open === "" ? what + place : place) ?? [];
      if (module.startsWith(RESERVED_MODULES) || OWN_FRAME.test(frame)) return DROPPED + behind;
      const found = locate(module, Number(line), Number(column));
      if (!found) return frame;
      if (OWN_ENTRY.test(found.source)) return DROPPED + behind;
      const called = open === "" ? asyncly : what;
      return `${at}${called}${open}${found.source}:${found.line}:${found.column}${close}${behind}`;
    },
  );
  return mapped.replaceAll(`\n${DROPPED}`, "").replaceAll(DROPPED, "");
}

const DROPPED = "\u0000dropped";
/** How our main module comes to the handler. */
const OWN_FRAME = /\(?node-internal:(?:internal_)?async_hooks/;
