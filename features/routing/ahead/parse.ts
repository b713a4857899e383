/**
 * A regular expression's text → its tree: as much of JavaScript's syntax as can be matched in linear time with
 * look-ahead. What can't (back-references, look-behind, repetitions of what may be empty) is not read. Pure.
 */

export type Node =
  /** One code unit that the atom stands for: `a`, `.`, `\d`, `[^/]`. */
  | { kind: "unit"; atom: string }
  | { kind: "start" | "end" }
  | { kind: "word"; isBoundary: boolean }
  | { kind: "sequence" | "choice"; parts: Node[] }
  /** @property index From 1. */
  | { kind: "group"; index: number; inner: Node }
  | { kind: "ahead"; isNegative: boolean; inner: Node }
  | { kind: "repeat"; inner: Node; min: number; max: number; isGreedy: boolean; groups: readonly number[] };

export interface Parsed {
  tree: Node;
  groups: number;
  names: ReadonlyMap<string, number>;
}

/** @returns `null` when it holds something that is not read. @param source It must compile as a RegExp. */
export function parse(source: string): Parsed | null {
  try {
    return new Parser(source).whole();
  } catch (error) {
    if (error instanceof NotRead) return null;
    throw error;
  }
}

class NotRead extends Error {}

const MAX_REPEATS = 100;

class Parser {
  readonly #source: string;
  #at = 0;
  #groups = 0;
  #isInside = false;
  readonly #names = new Map<string, number>();

  constructor(source: string) {
    this.#source = source;
  }

  whole(): Parsed {
    const tree = this.#choice();
    if (this.#at < this.#source.length) throw new NotRead();
    return { tree, groups: this.#groups, names: this.#names };
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    const found = pattern.exec(this.#source.slice(this.#at));
    if (found) this.#at += found[0].length;
    return found;
  }

  #choice(): Node {
    const parts = [this.#sequence()];
    while (this.#take("|")) parts.push(this.#sequence());
    return parts.length === 1 && parts[0] ? parts[0] : { kind: "choice", parts };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#at < this.#source.length && !/[|)]/.test(this.#source[this.#at] ?? "")) {
      const before = this.#groups;
      parts.push(this.#repeated(this.#atom(), before));
    }
    return { kind: "sequence", parts };
  }

  #repeated(inner: Node, before: number): Node {
    const found = this.#match(/^(?:([*+?])|\{(\d+)(,(\d*))?\})(\??)/);
    if (!found) return inner;
    const [, sign, low, comma, high, lazy] = found;
    const min = sign === undefined ? Number(low) : sign === "+" ? 1 : 0;
    const unbounded = sign === "*" || sign === "+" || (comma !== undefined && high === "");
    const max = unbounded ? Number.POSITIVE_INFINITY : sign === "?" ? 1 : Number(high ?? low);
    const isAssertion = inner.kind === "ahead" || inner.kind === "start" || inner.kind === "end";
    if (isAssertion || inner.kind === "word" || min > MAX_REPEATS) throw new NotRead();
    // JavaScript rejects an empty turn and looks for another: only where that is the last resort it makes no difference.
    if (canBeEmpty(inner) && (max !== 1 || !isEager(inner))) throw new NotRead();
    if (max !== Number.POSITIVE_INFINITY && max > MAX_REPEATS) throw new NotRead();
    const groups = Array.from({ length: this.#groups - before }, (_, i) => before + 1 + i);
    return { kind: "repeat", inner, min, max, isGreedy: lazy === "", groups };
  }

  #atom(): Node {
    if (this.#take("^")) return { kind: "start" };
    if (this.#take("$")) return { kind: "end" };
    if (this.#take("(")) return this.#group();
    const set = this.#match(/^\[(?:[^\\\]]|\\.)*\]/);
    if (set) return { kind: "unit", atom: set[0] };
    const word = this.#match(/^\\([bB])/);
    if (word) return { kind: "word", isBoundary: word[1] === "b" };
    const escaped = this.#match(/^\\(?:[dDwWsStnrvf]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[^a-zA-Z0-9])/);
    if (escaped) return { kind: "unit", atom: escaped[0] };
    const plain = this.#match(/^[^\\*+?[\]{}]/) ?? this.#match(/^[\]{}]/);
    if (!plain) throw new NotRead();
    return { kind: "unit", atom: plain[0] === "." ? "." : plain[0].replace(/[/\]{}]/, "\\$&") };
  }

  #group(): Node {
    const look = this.#match(/^\?([=!])/);
    if (look) return this.#ahead(look[1] === "!");
    const name = this.#match(/^\?<([A-Za-z_$][\w$]*)>/)?.[1];
    const isCapturing = name !== undefined || !this.#take("?:");
    if (isCapturing && name === undefined && this.#source[this.#at] === "?") throw new NotRead();
    const index = isCapturing ? ++this.#groups : 0;
    // What a look-ahead captures would have to be remembered beside its answer.
    if (isCapturing && this.#isInside) throw new NotRead();
    if (name !== undefined) {
      if (this.#names.has(name)) throw new NotRead();
      this.#names.set(name, index);
    }
    const inner = this.#choice();
    if (!this.#take(")")) throw new NotRead();
    return isCapturing ? { kind: "group", index, inner } : inner;
  }

  #ahead(isNegative: boolean): Node {
    const outside = this.#isInside;
    this.#isInside = true;
    const inner = this.#choice();
    this.#isInside = outside;
    if (!this.#take(")")) throw new NotRead();
    return { kind: "ahead", isNegative, inner };
  }
}

function canBeEmpty(node: Node): boolean {
  switch (node.kind) {
    case "unit":
      return false;
    case "start":
    case "end":
    case "word":
    case "ahead":
      return true;
    case "sequence":
      return node.parts.every(canBeEmpty);
    case "choice":
      return node.parts.some(canBeEmpty);
    case "group":
      return canBeEmpty(node.inner);
    case "repeat":
      return node.min === 0 || canBeEmpty(node.inner);
  }
}

/** Whether it is empty only when it can be nothing else. */
function isEager(node: Node): boolean {
  switch (node.kind) {
    case "unit":
      return true;
    case "sequence":
      return node.parts.every(isEager);
    case "group":
      return isEager(node.inner);
    case "repeat":
      return node.isGreedy && isEager(node.inner);
    default:
      return false;
  }
}
