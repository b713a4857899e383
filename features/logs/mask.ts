/**
 * Values that must not stand in a log are found in its lines, in whatever form they got there: as they are, escaped,
 * percent-encoded, in base64 or hexadecimal, and broken by what a console puts between two of its arguments. Pure; knows
 * neither where the values nor where the lines come from.
 */
import { SECRET_LENGTH, secretForms } from "@cloudify/protocol";

/** Of a line's end that was cut, so many characters of a value are taken for its beginning. */
const END_LENGTH = 4;
/** A shorter form says next to nothing of its value. */
const NEEDLE_LENGTH = 6;
const MASKED = "[masked]";

/** What a console puts between two arguments, or around a part of a list. It is looked through. */
const BETWEEN = /[\s'"`,]+/g;

export interface Mask {
  /** @returns The text without the values. */
  mask(text: string): string;
  /** The same for a text whose end was cut off, perhaps inside of a value. */
  maskCut(text: string): string;
}

/** @param values Of an environment, in any order. */
export function maskFor(values: readonly string[]): Mask {
  const forms = values.filter((value) => value.length >= SECRET_LENGTH).flatMap(secretForms);
  const needles = [...new Set(forms.map(bare))].filter((form) => form.length >= NEEDLE_LENGTH);
  const mask = (text: string): string => {
    if (needles.length === 0) return text;
    const searched = bare(text);
    const found = needles.flatMap((needle) => rangesOf(searched, needle));
    return found.length === 0 ? text : without(text, found);
  };
  const maskCut = (text: string): string => {
    const masked = mask(text);
    const searched = bare(masked);
    const from = Math.min(...needles.map((needle) => beginningAt(searched, needle)));
    return Number.isFinite(from) ? without(masked, [[from, searched.length]]) : masked;
  };
  return { mask, maskCut };
}

const bare = (text: string): string => text.replace(BETWEEN, "");

type Range = [from: number, to: number];

function rangesOf(text: string, needle: string): Range[] {
  const found: Range[] = [];
  for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + needle.length))
    found.push([at, at + needle.length]);
  return found;
}

/** Where the text's end begins to be the needle's beginning; infinity when it is not. */
function beginningAt(text: string, needle: string): number {
  const head = needle.slice(0, END_LENGTH);
  const first = Math.max(0, text.length - needle.length + 1);
  for (let at = text.indexOf(head, first); at !== -1; at = text.indexOf(head, at + 1))
    if (needle.startsWith(text.slice(at))) return at;
  return Number.POSITIVE_INFINITY;
}

/** @param ranges Of the text as it was searched: without what is looked through. */
function without(text: string, ranges: Range[]): string {
  /** Of each character that was searched: where it stands in the text. */
  const places: number[] = [];
  let done = 0;
  for (const { 0: between, index } of text.matchAll(BETWEEN)) {
    for (; done < index; done++) places.push(done);
    done = index + between.length;
  }
  for (; done < text.length; done++) places.push(done);
  let shown = "";
  let at = 0;
  for (const [from, to] of joined(ranges)) {
    shown += text.slice(at, places[from]) + MASKED;
    at = (places[to - 1] ?? text.length) + 1;
  }
  return shown + text.slice(at);
}

function joined(ranges: Range[]): Range[] {
  const all: Range[] = [];
  for (const [from, to] of ranges.sort((a, b) => a[0] - b[0])) {
    const last = all.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else all.push([from, to]);
  }
  return all;
}
