/**
 * Values that must not stand in a log are found in its lines, in whatever form they got there: as they are, escaped,
 * percent-encoded, in base64 or hexadecimal, and broken by what a console puts between two of its arguments. Pure; knows
 * neither where the values nor where the lines come from.
 */

/** Shorter values (`true`, `8080`, `eu-west`) appear in any text by chance, and are not looked for. */
const VALUE_LENGTH = 8;
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
  const forms = values.filter((value) => value.length >= VALUE_LENGTH).flatMap(formsOf);
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

/** The value itself, the lines of a longer one (a key in PEM is printed line by line), and each as encodings write it. */
function formsOf(value: string): string[] {
  const lines = value.split(/\r?\n/).filter((line) => line.length >= VALUE_LENGTH);
  return [...new Set([value, value.trim(), ...lines])].flatMap((text) => {
    const bytes = new TextEncoder().encode(text);
    const percent = encodeURIComponent(text.toWellFormed());
    const form = new URLSearchParams({ "": text }).toString().slice(1);
    const json = JSON.stringify(text).slice(1, -1);
    const inspected = inspectedOf(json);
    const digits = [...bytes].map(hex).join("");
    const percents = [percent, form, encodeURI(text.toWellFormed())];
    return [
      text,
      json,
      json.replaceAll("'", "\\'"),
      inspected,
      inspected.replaceAll("'", "\\'"),
      ...percents.flatMap((one) => [one, one.replace(/%../g, (found) => found.toLowerCase())]),
      ...[0, 1, 2].flatMap((offset) => {
        const coded = base64At(bytes, offset);
        return [coded, coded.replaceAll("+", "-").replaceAll("/", "_")];
      }),
      digits,
      digits.toUpperCase(),
    ];
  });
}

/** As a console shows a part of a list or an object: quotes as they are, since it encloses the text in others. */
const inspectedOf = (json: string): string =>
  json
    .replace(/\\(?:u00([01].)|.)/g, (found, code) =>
      code ? `\\x${code.toUpperCase()}` : found === '\\"' ? '"' : found,
    )
    .replace(/[\u007f-\u009f]/g, (one) => `\\x${hex(one.charCodeAt(0)).toUpperCase()}`);

const hex = (byte: number): string => byte.toString(16).padStart(2, "0");

/** What of the base64 of any text that holds the value depends on the value alone, if it begins there at 3n + offset. */
function base64At(bytes: Uint8Array, offset: number): string {
  const padded = new Uint8Array(offset + bytes.length);
  padded.set(bytes, offset);
  let binary = "";
  for (const byte of padded) binary += String.fromCharCode(byte);
  const from = Math.ceil((offset * 8) / 6);
  const to = Math.floor((padded.length * 8) / 6);
  return btoa(binary).slice(from, to);
}

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
