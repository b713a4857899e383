/** Cursors: opaque to callers, the last id of a page inside. */
import { Problem } from "#core/problem.ts";

export interface Page<T> {
  data: T[];
  next: string | null;
}

type Show<Row, T> = (rows: Row[]) => T[] | Promise<T[]>;

/**
 * @param rows One more than `limit` were asked for, so that it is known whether more follow.
 * @param keyOf What the rows are ordered by.
 * @param show Of all rows of the page at once, so that it can ask for what belongs to them in one question.
 */
export async function toPage<Row, T>(
  rows: Row[],
  limit: number,
  keyOf: (row: Row) => string | number,
  show: Show<Row, T>,
): Promise<Page<T>> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last ? btoa(String(keyOf(last))).replaceAll("=", "") : null;
  return { data: await show(shown), next };
}

/** Of a list that is ordered by ids. */
export const toPageById = <Row extends { id: string }, T>(
  rows: Row[],
  limit: number,
  show: Show<Row, T>,
): Promise<Page<T>> => toPage(rows, limit, ({ id }) => id, show);

/** @returns The last id of the page before. @throws Problem `invalid_input` for what no page gave out. */
export const fromCursor = (cursor: string | undefined): string | null => read(cursor, ID);

/** For lists that are ordered by a number. @throws Problem `invalid_input`, as {@link fromCursor}. */
export function fromNumberCursor(cursor: string | undefined): number | null {
  const text = read(cursor, /^\d{1,15}$/);
  return text === null ? null : Number(text);
}

const ID = /^[a-z]+_[0-9a-z]{26}$/;

function read(cursor: string | undefined, form: RegExp): string | null {
  if (cursor === undefined) return null;
  let text = "";
  try {
    text = atob(cursor);
  } catch (cause) {
    throw foreign(cause);
  }
  if (!form.test(text)) throw foreign();
  return text;
}

const foreign = (cause?: unknown): Problem =>
  new Problem("invalid_input", "The cursor is not one that this list gave out.", {
    fix: "Give back `next` of the page before as it is, or leave `cursor` out.",
    cause,
  });
