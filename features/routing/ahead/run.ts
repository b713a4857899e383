/**
 * Runs a program over a text in time and space of steps × length, look-ahead included. From the end to the start it is
 * worked out from where a match can be reached; then one walk takes, at each fork, the first way that reaches it. That
 * is what a backtracking engine finds, without going back.
 */
import type { Assertion, Step } from "./program.ts";

const UNKNOWN = 0;
const NO = 1;
const YES = 2;

/** @returns Where groups begin and end, by slots, of the first match; -1: not matched. */
export function run(steps: readonly Step[], groups: number, text: string): number[] | null {
  const reach = reachOf(steps, text);
  const width = steps.length;
  for (let from = 0; from <= text.length; from++) {
    if (reach[from * width] === YES) return walk(steps, groups, text, from, reach);
  }
  return null;
}

function reachOf(steps: readonly Step[], text: string): Uint8Array {
  const width = steps.length;
  const reach = new Uint8Array(width * (text.length + 1));
  for (let at = text.length; at >= 0; at--) {
    const row = at * width;
    const leads = (step: number): boolean => {
      const known = reach[row + step];
      if (known !== UNKNOWN) return known === YES;
      const found = look(steps[step], step);
      reach[row + step] = found ? YES : NO;
      return found;
    };
    const look = (step: Step | undefined, index: number): boolean => {
      switch (step?.op) {
        case undefined:
          return false;
        case "start":
        case "end":
        case "word":
          return holds(step, text, at) && leads(index + 1);
        case "match":
          return true;
        case "unit":
          return at < text.length && step.test(text.charCodeAt(at)) && reach[row + width + index + 1] === YES;
        case "split":
          return leads(step.first) || leads(step.second);
        case "jump":
          return leads(step.to);
        case "ahead":
          return leads(index + 1) !== step.isNegative && leads(step.past);
        case "save":
        case "forget":
          return leads(index + 1);
      }
    };
    for (let step = 0; step < width; step++) leads(step);
  }
  return reach;
}

function holds(step: Assertion, text: string, at: number): boolean {
  switch (step.op) {
    case "start":
      return at === 0;
    case "end":
      return at === text.length;
    case "word":
      return (isWord(text[at - 1]) !== isWord(text[at])) === step.isBoundary;
  }
}

const isWord = (unit: string | undefined): boolean => unit !== undefined && /^\w$/.test(unit);

function walk(
  steps: readonly Step[],
  groups: number,
  text: string,
  from: number,
  reach: Uint8Array,
): number[] {
  const slots = new Array<number>((groups + 1) * 2).fill(-1);
  slots[0] = from;
  let at = from;
  for (let index = 0; ; ) {
    const step = steps[index];
    switch (step?.op) {
      case undefined:
      case "match":
        slots[1] = at;
        return slots;
      case "unit":
        at++;
        index++;
        break;
      case "split":
        index = reach[at * steps.length + step.first] === YES ? step.first : step.second;
        break;
      case "jump":
        index = step.to;
        break;
      case "ahead":
        index = step.past;
        break;
      case "save":
        slots[step.slot] = at;
        index++;
        break;
      case "forget":
        for (const group of step.groups) slots.fill(-1, group * 2, group * 2 + 2);
        index++;
        break;
      default:
        index++;
    }
    if (at > text.length) return slots;
  }
}
