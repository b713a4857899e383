/** Runs a compiled pattern with the engine it was given. The control plane chose the engine; nothing is decided here. */
import { RE2JS } from "re2js";
import { parse } from "./ahead/parse.ts";
import { programOf } from "./ahead/program.ts";
import { run } from "./ahead/run.ts";
import type { Pattern } from "./table.ts";

export interface Match {
  /** Numbered groups; 0 is the whole. An unmatched one is empty. */
  groups: string[];
  named: Record<string, string>;
}

type Matcher = (input: string) => Match | null;

/** Keyed by the pattern object, which lives as long as its table. */
const matchers = new WeakMap<Pattern, Matcher>();

/** @throws SyntaxError when the pattern was not compiled by the control plane and the engine can't run it. */
export function match(pattern: Pattern, input: string): Match | null {
  let matcher = matchers.get(pattern);
  if (!matcher) {
    matcher = ENGINES[pattern.engine](pattern);
    matchers.set(pattern, matcher);
  }
  return matcher(input);
}

function native({ source, caseSensitive }: Pattern): Matcher {
  const regex = new RegExp(source, caseSensitive ? "" : "i");
  return (input) => {
    const found = regex.exec(input);
    if (!found) return null;
    const named = Object.entries(found.groups ?? {}).map(([name, value]) => [name, value ?? ""]);
    return { groups: found.map((group) => group ?? ""), named: Object.fromEntries(named) };
  };
}

function linear({ source, caseSensitive }: Pattern): Matcher {
  const regex = RE2JS.compile(source, caseSensitive ? 0 : RE2JS.CASE_INSENSITIVE);
  const names = Object.entries(regex.namedGroups());
  return (input) => {
    const found = regex.matcher(input);
    if (!found.find()) return null;
    const groups = Array.from({ length: found.groupCount() + 1 }, (_, i) => found.group(i) ?? "");
    const named = names.map(([name, index]) => [name, groups[Number(index)] ?? ""]);
    return { groups, named: Object.fromEntries(named) };
  };
}

function ahead({ source, caseSensitive }: Pattern): Matcher {
  const parsed = parse(source);
  const steps = parsed && programOf(parsed.tree, caseSensitive);
  if (!parsed || !steps) throw new SyntaxError(`${source} can't be run with look-ahead`);
  const { groups: count, names } = parsed;
  return (input) => {
    const slots = run(steps, count, input);
    if (!slots) return null;
    const group = (index: number): string => {
      const [from = -1, to = -1] = slots.slice(index * 2, index * 2 + 2);
      return from < 0 || to < 0 ? "" : input.slice(from, to);
    };
    const groups = Array.from({ length: count + 1 }, (_, index) => group(index));
    return { groups, named: Object.fromEntries([...names].map(([name, index]) => [name, group(index)])) };
  };
}

const ENGINES: Record<Pattern["engine"], (pattern: Pattern) => Matcher> = { native, linear, ahead };
