/**
 * Values that must not stand in a log are found in its lines, in whatever form they got there: as they are, escaped,
 * percent-encoded, in base64 or hexadecimal, and broken by what a console puts between two of its arguments. Pure; knows
 * neither where the values nor where the lines come from.
 */
import { SECRET_LENGTH, secretForms } from "@cloudify/protocol";
import { Needles } from "./needles.ts";

/** Of a line's end that was cut, so many characters of a value are taken for its beginning. */
const END_LENGTH = 4;
/** A shorter form says next to nothing of its value. */
const NEEDLE_LENGTH = 6;
/** A longer one is looked for in pieces, which all stand in the text where it does. */
const PIECE_LENGTH = 256;
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
  const needles = new Needles(
    forms
      .map(bare)
      .filter((form) => form.length >= NEEDLE_LENGTH)
      .flatMap(piecesOf),
  );
  const show = (text: string, isCut: boolean): string => {
    if (needles.longest === 0) return text;
    const found = rangesIn(bare(text), needles, isCut);
    return found.length === 0 ? text : without(text, found);
  };
  return { mask: (text) => show(text, false), maskCut: (text) => show(text, true) };
}

function piecesOf(form: string): string[] {
  const pieces: string[] = [];
  let at = 0;
  for (; form.length - at >= PIECE_LENGTH + NEEDLE_LENGTH; at += PIECE_LENGTH)
    pieces.push(form.slice(at, at + PIECE_LENGTH));
  return [...pieces, form.slice(at)];
}

const bare = (text: string): string => text.replace(BETWEEN, "");

type Range = [from: number, to: number];

/** In order; they neither touch nor overlap. @param isCut At its end. */
function rangesIn(text: string, needles: Needles, isCut: boolean): Range[] {
  const found: Range[] = [];
  const add = (from: number, to: number) => {
    const last = found.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else found.push([from, to]);
  };
  for (let at = 0; at < text.length; at++) {
    const length = needles.at(text, at);
    if (length > 0) add(at, at + length);
    else if (isCut && text.length - at >= END_LENGTH && needles.isBegunAt(text, at)) add(at, text.length);
  }
  // Of a piece's beginning, too little may be there to know it by.
  const last = found.at(-1);
  if (isCut && last && text.length - last[1] < END_LENGTH) last[1] = text.length;
  return found;
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
  for (const [from, to] of ranges) {
    shown += text.slice(at, places[from]) + MASKED;
    at = (places[to - 1] ?? text.length) + 1;
  }
  return shown + text.slice(at);
}
