/**
 * Texts that are looked for in another, all at once: what it takes grows with the other, and hardly with their number.
 * An environment has as many as its owner likes, and who looks for them serves others meanwhile. Pure.
 */

/** Those that begin with the same two characters. */
interface Bucket {
  /** In order, once they have been looked at. */
  texts: string[];
  /** Of each, where the longest other stands that it begins with; -1: there is none. */
  shorter: number[] | null;
}

export class Needles {
  readonly longest: number;
  readonly #buckets = new Map<number, Bucket>();

  /** @param texts Of two characters at least. */
  constructor(texts: Iterable<string>) {
    let longest = 0;
    for (const text of new Set(texts)) {
      const start = startAt(text, 0);
      const bucket = this.#buckets.get(start);
      if (bucket) bucket.texts.push(text);
      else this.#buckets.set(start, { texts: [text], shorter: null });
      longest = Math.max(longest, text.length);
    }
    this.longest = longest;
  }

  /** @returns How many characters the longest has that stands there; 0 when none does. */
  at(text: string, place: number): number {
    const bucket = this.#buckets.get(startAt(text, place));
    if (!bucket) return 0;
    const { texts } = bucket;
    const shorter = ordered(bucket);
    const rest = text.slice(place, place + this.longest);
    // Whatever `rest` begins with stands before it, and the last one before it begins with that too.
    let i = firstAfter(texts, rest) - 1;
    const common = commonOf(texts[i] ?? "", rest);
    while ((texts[i]?.length ?? 0) > common) i = shorter[i] ?? -1;
    return texts[i]?.length ?? 0;
  }

  /** @returns Whether one begins with all that stands from there on, and goes on. */
  isBegunAt(text: string, place: number): boolean {
    const bucket = text.length - place < this.longest && this.#buckets.get(startAt(text, place));
    if (!bucket) return false;
    ordered(bucket);
    const rest = text.slice(place);
    return bucket.texts[firstAfter(bucket.texts, rest)]?.startsWith(rest) ?? false;
  }
}

const startAt = (text: string, place: number): number =>
  (text.charCodeAt(place) << 16) | text.charCodeAt(place + 1);

function ordered(bucket: Bucket): number[] {
  if (bucket.shorter) return bucket.shorter;
  const { texts } = bucket;
  texts.sort();
  const shorter: number[] = [];
  for (const [i, text] of texts.entries()) {
    let before = i - 1;
    while (before >= 0 && !text.startsWith(texts[before] ?? "")) before = shorter[before] ?? -1;
    shorter.push(before);
  }
  bucket.shorter = shorter;
  return shorter;
}

function firstAfter(texts: readonly string[], text: string): number {
  let [from, to] = [0, texts.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((texts[middle] ?? "") <= text) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** @returns How many characters both begin with. */
function commonOf(one: string, other: string): number {
  const end = Math.min(one.length, other.length);
  let at = 0;
  while (at < end && one.charCodeAt(at) === other.charCodeAt(at)) at++;
  return at;
}
