/** Cursors: opaque to callers, the last id of a page inside. */
import { Problem } from "#core/problem.ts";

export interface Page<T> {
  data: T[];
  next: string | null;
}

/** @param rows One more than `limit` were asked for, so that it is known whether more follow. */
export function toPage<Row, T>(
  rows: Row[],
  limit: number,
  idOf: (row: Row) => string,
  shape: (row: Row) => T,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last ? btoa(idOf(last)).replaceAll("=", "") : null;
  return { data: shown.map(shape), next };
}

/** @throws Problem `invalid_input` for what no page gave out. */
export function fromCursor(cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  try {
    return atob(cursor);
  } catch (cause) {
    throw foreign(cause);
  }
}

/** For lists that are ordered by a number. @throws Problem `invalid_input`, as {@link fromCursor}. */
export function fromNumberCursor(cursor: string | undefined): number | null {
  const text = fromCursor(cursor);
  if (text === null) return null;
  if (!/^\d{1,15}$/.test(text)) throw foreign();
  return Number(text);
}

const foreign = (cause?: unknown): Problem =>
  new Problem("invalid_input", "The cursor is not one that this list gave out.", {
    fix: "Give back `next` of the page before as it is, or leave `cursor` out.",
    cause,
  });
