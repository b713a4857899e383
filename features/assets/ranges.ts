/** Byte ranges (RFC 9110, 14). */

export interface Span {
  offset: number;
  length: number;
}

export type Ranges = { kind: "whole" } | { kind: "unsatisfiable" } | { kind: "spans"; spans: Span[] };

const whole: Ranges = { kind: "whole" };
/** More than anyone needs; a request with more is given the whole file. */
const MAX_SPANS = 32;

/**
 * @param header As it came; what can't be understood is ignored (14.2).
 * @param size Bytes of the file.
 * @returns Spans in order, apart from each other: overlapping ones are joined, so the answer is never larger than the file.
 */
export function parseRange(header: string | null, size: number): Ranges {
  const list = /^bytes=(.+)$/i.exec(header?.trim() ?? "")?.[1];
  if (list === undefined) return whole;
  const specs = list.split(",").map((spec) => spec.trim());
  if (specs.length > MAX_SPANS) return whole;
  const spans: Span[] = [];
  for (const spec of specs) {
    if (spec === "") continue;
    const parts = /^(\d{0,15})-(\d{0,15})$/.exec(spec);
    if (!parts || spec === "-") return whole;
    const [, first = "", last = ""] = parts;
    if (first !== "" && last !== "" && Number(last) < Number(first)) return whole;
    const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
    const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
    if (start <= end) spans.push({ offset: start, length: end - start + 1 });
  }
  if (spans.length === 0) return { kind: "unsatisfiable" };
  return { kind: "spans", spans: join(spans) };
}

function join(spans: Span[]): Span[] {
  const joined: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.offset - b.offset)) {
    const last = joined.at(-1);
    if (last && span.offset <= last.offset + last.length) {
      last.length = Math.max(last.length, span.offset + span.length - last.offset);
    } else joined.push({ ...span });
  }
  return joined;
}
