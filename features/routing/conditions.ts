/** `has` and `missing`: whether a request fulfils a route's conditions, and what they capture from it. */
import { match } from "./pattern.ts";
import type { Captures } from "./substitute.ts";
import type { Condition, ValueTest } from "./table.ts";

/** What conditions look at. Query and cookies are parsed when one asks for them: most tables never do. */
export class Asked {
  readonly host: string;
  readonly query: () => URLSearchParams;
  readonly header: (name: string) => string | null;
  #cookies: Record<string, string> | null = null;

  constructor(host: string, query: () => URLSearchParams, header: (name: string) => string | null) {
    this.host = host;
    this.query = query;
    this.header = header;
  }

  /** As a change leaves the request's headers. */
  changed(change: { read(name: string, before: string | null): string | null }): Asked {
    return new Asked(this.host, this.query, (name) => change.read(name.toLowerCase(), this.header(name)));
  }

  get cookies(): Record<string, string> {
    this.#cookies ??= parseCookies(this.header("cookie"));
    return this.#cookies;
  }
}

/**
 * @returns What a fulfilled condition captures, or `null`. A condition without a test captures its value by its key; one
 *   on the host always does, as `host`, unless a group of its own has that name.
 */
export function fulfil(condition: Condition, asked: Asked): Captures | null {
  const value = read(condition, asked);
  if (value === null) return null;
  if (condition.type !== "host" && condition.tests.length === 0) return { [condition.key]: value };
  let captures: Captures = condition.type === "host" ? { host: value } : {};
  for (const test of condition.tests) {
    const found = holds(test, value);
    if (!found) return null;
    captures = { ...captures, ...found };
  }
  return captures;
}

function read(condition: Condition, asked: Asked): string | null {
  switch (condition.type) {
    case "host":
      return asked.host;
    case "header":
      return asked.header(condition.key);
    case "cookie":
      return asked.cookies[condition.key] ?? null;
    case "query":
      return asked.query().get(condition.key);
  }
}

export function holds(test: ValueTest, value: string): Captures | null {
  switch (test.op) {
    case "matches":
      return match(test.pattern, value)?.named ?? null;
    case "eq":
      return value === test.value ? {} : null;
    case "neq":
      return value !== test.value ? {} : null;
    case "pre":
      return value.startsWith(test.value) ? {} : null;
    case "suf":
      return value.endsWith(test.value) ? {} : null;
    case "inc":
      return test.values.includes(value) ? {} : null;
    case "ninc":
      return test.values.includes(value) ? null : {};
    case "gt":
      return Number(value) > test.value ? {} : null;
    case "gte":
      return Number(value) >= test.value ? {} : null;
    case "lt":
      return Number(value) < test.value ? {} : null;
    case "lte":
      return Number(value) <= test.value ? {} : null;
  }
}

/** RFC 6265, 5.4: pairs by semicolon; the first of a name counts. */
function parseCookies(header: string | null): Record<string, string> {
  const cookies: Record<string, string> = Object.create(null);
  for (const pair of header?.split(";") ?? []) {
    const equals = pair.indexOf("=");
    if (equals < 0) continue;
    const name = pair.slice(0, equals).trim();
    cookies[name] ??= pair
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/, "$1");
  }
  return cookies;
}
