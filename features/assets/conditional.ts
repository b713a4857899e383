/** Preconditions in the order of RFC 9110, 13.2.2. */

export interface Validators {
  etag: string;
  /** Unix milliseconds; HTTP knows only whole seconds of it. */
  lastModified: number | null;
}

export type Outcome = "go-on" | "not-modified" | "precondition-failed";

type Header = (name: string) => string | null;

export function evaluate(header: Header, { etag, lastModified }: Validators): Outcome {
  const ifMatch = header("if-match");
  if (ifMatch !== null) {
    if (!lists(ifMatch, etag, "strong")) return "precondition-failed";
  } else {
    const since = date(header("if-unmodified-since"));
    if (since !== null && lastModified !== null && seconds(lastModified) > seconds(since))
      return "precondition-failed";
  }
  const ifNoneMatch = header("if-none-match");
  if (ifNoneMatch !== null) return lists(ifNoneMatch, etag, "weak") ? "not-modified" : "go-on";
  const since = date(header("if-modified-since"));
  if (since !== null && lastModified !== null && seconds(lastModified) <= seconds(since))
    return "not-modified";
  return "go-on";
}

/** Whether a range may be given: without `if-range` always, else only of the very same bytes (13.1.5). */
export function rangeHolds(ifRange: string | null, { etag, lastModified }: Validators): boolean {
  if (ifRange === null) return true;
  const text = ifRange.trim();
  if (text.startsWith('"') || text.startsWith("W/")) return text === etag;
  const when = date(text);
  return when !== null && lastModified !== null && seconds(when) === seconds(lastModified);
}

function lists(header: string, etag: string, comparison: "strong" | "weak"): boolean {
  if (header.trim() === "*") return true;
  const tags = header.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g) ?? [];
  return tags.some((tag) => (comparison === "weak" ? opaque(tag) === opaque(etag) : tag === etag));
}

const opaque = (tag: string): string => tag.replace(/^W\//, "");
const seconds = (at: number): number => Math.floor(at / 1_000);

function date(text: string | null): number | null {
  if (text === null) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}
