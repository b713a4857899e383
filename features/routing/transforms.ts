/** `transforms` of a route: changes of headers and of the query. Source: Build Output API v3, "Transforms". */
import { holds } from "./conditions.ts";
import type { BagTransform } from "./table.ts";

/** How a request's headers go on; conditions of later routes read through it, and functions are given the result. */
export interface RequestChange {
  /** @param name Lower case. @param before What stood there. */
  read(name: string, before: string | null): string | null;
  /** @returns A changed copy. */
  apply(headers: Headers): Headers;
}

/** What Headers and URLSearchParams have in common. */
interface Bag {
  append(name: string, value: string): void;
  set(name: string, value: string): void;
  delete(name: string): void;
}

/** @param values Already substituted. */
export function alter(
  bag: Bag,
  names: Iterable<string>,
  { op, target }: BagTransform,
  values: readonly string[],
): void {
  const keys = "key" in target ? [target.key] : [...new Set(names)].filter((name) => matches(target, name));
  for (const key of keys) {
    if (op !== "append") bag.delete(key);
    if (op !== "delete") for (const value of values) bag.append(key, value);
  }
}

export function headerChange(transform: BagTransform, values: readonly string[]): RequestChange {
  const { op, target } = transform;
  return {
    read(name, before) {
      const isMeant = "key" in target ? target.key === name : before !== null && matches(target, name);
      if (!isMeant) return before;
      if (op === "delete") return null;
      return [...(op === "append" && before !== null ? [before] : []), ...values].join(", ");
    },
    apply(headers) {
      const changed = new Headers(headers);
      alter(changed, changed.keys(), transform, values);
      return changed;
    },
  };
}

const matches = (target: Extract<BagTransform["target"], { tests: unknown }>, name: string): boolean =>
  target.tests.every((test) => holds(test, name) !== null);
