/** A tree → a program of small steps, for `run.ts`. Pure. */
import type { Node } from "./parse.ts";

export type Assertion = { op: "start" | "end" } | { op: "word"; isBoundary: boolean };

export type Step =
  /** Goes on with the next when the code unit passes. */
  | { op: "unit"; test(unit: number): boolean }
  /** The first that leads to a match is taken. */
  | { op: "split"; first: number; second: number }
  | { op: "jump"; to: number }
  /** Remembers where it is: slot 2i begins group i, 2i + 1 ends it. */
  | { op: "save"; slot: number }
  /** Forgets groups: a repetition's groups are those of its last turn. */
  | { op: "forget"; groups: readonly number[] }
  | Assertion
  /** What follows it up to `past` must, or must not, match here. */
  | { op: "ahead"; isNegative: boolean; past: number }
  | { op: "match" };

/** A table of steps by positions of the longest path has to fit into a few megabytes. */
const MAX_STEPS = 512;

/** @returns `null` when it would be too long. */
export function programOf(tree: Node, caseSensitive: boolean): Step[] | null {
  const steps: Step[] = [];
  const add = (step: Step): number => steps.push(step) - 1;
  const emit = (node: Node): void => {
    if (steps.length > MAX_STEPS) return;
    switch (node.kind) {
      case "unit":
        add({ op: "unit", test: unitTest(node.atom, caseSensitive) });
        return;
      case "start":
      case "end":
        add({ op: node.kind });
        return;
      case "word":
        add({ op: "word", isBoundary: node.isBoundary });
        return;
      case "sequence":
        for (const part of node.parts) emit(part);
        return;
      case "choice":
        choice(node.parts);
        return;
      case "group":
        add({ op: "save", slot: node.index * 2 });
        emit(node.inner);
        add({ op: "save", slot: node.index * 2 + 1 });
        return;
      case "ahead": {
        const at = add({ op: "match" });
        emit(node.inner);
        add({ op: "match" });
        steps[at] = { op: "ahead", isNegative: node.isNegative, past: steps.length };
        return;
      }
      case "repeat":
        repeat(node);
    }
  };
  const choice = (parts: readonly Node[]): void => {
    const jumps: number[] = [];
    for (const [i, part] of parts.entries()) {
      if (i === parts.length - 1) {
        emit(part);
        break;
      }
      const split = add({ op: "match" });
      emit(part);
      jumps.push(add({ op: "match" }));
      steps[split] = { op: "split", first: split + 1, second: steps.length };
    }
    for (const jump of jumps) steps[jump] = { op: "jump", to: steps.length };
  };
  const repeat = ({ inner, min, max, isGreedy, groups }: Node & { kind: "repeat" }): void => {
    const turn = (): void => {
      if (groups.length > 0) add({ op: "forget", groups });
      emit(inner);
    };
    const split = (at: number, into: number, past: number): void => {
      steps[at] = { op: "split", first: isGreedy ? into : past, second: isGreedy ? past : into };
    };
    for (let i = 0; i < min; i++) turn();
    if (max === Number.POSITIVE_INFINITY) {
      const at = add({ op: "match" });
      turn();
      add({ op: "jump", to: at });
      split(at, at + 1, steps.length);
      return;
    }
    const splits: number[] = [];
    for (let i = min; i < max; i++) {
      splits.push(add({ op: "match" }));
      turn();
    }
    for (const at of splits) split(at, at + 1, steps.length);
  };
  emit(tree);
  add({ op: "match" });
  return steps.length > MAX_STEPS ? null : steps;
}

/** The runtime's own engine says what an atom stands for; of one code unit it can't take long. */
function unitTest(atom: string, caseSensitive: boolean): (unit: number) => boolean {
  const regex = new RegExp(`^${atom}$`, caseSensitive ? "" : "i");
  const ascii = Array.from({ length: 128 }, (_, unit) => regex.test(String.fromCharCode(unit)));
  return (unit) => ascii[unit] ?? regex.test(String.fromCharCode(unit));
}
