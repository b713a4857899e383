/**
 * Uses of a spent token, for the trail: one entry an hour for who comes, which says how often they came since the last.
 * Whoever comes chooses the name that they come by, so many names count as one. Pure.
 */
import { HOUR, type Millis } from "#core/time.ts";

/** By holder: when it was last told, and how often they came since. */
export type Refusals = Record<string, { at: Millis; count: number }>;

const MAX_HOLDERS = 16;
/** No holder is called so. */
const OTHERS = "*";

/** @returns `told`: times that the trail is to say; `null`: it has said enough within the hour. */
export function refuse(
  held: Refusals,
  holder: string,
  now: Millis,
): { refusals: Refusals; told: { holder: string; count: number } | null } {
  const recent = Object.fromEntries(
    Object.entries(held).filter(([name, { at }]) => name === holder || now < at + HOUR),
  );
  const isNamed = recent[holder] !== undefined || Object.keys(recent).length < MAX_HOLDERS;
  const name = isNamed ? holder : OTHERS;
  const known = recent[name] ?? null;
  const count = (known?.count ?? 0) + 1;
  if (known && now < known.at + HOUR)
    return { refusals: { ...recent, [name]: { at: known.at, count } }, told: null };
  return { refusals: { ...recent, [name]: { at: now, count: 0 } }, told: { holder: name, count } };
}
