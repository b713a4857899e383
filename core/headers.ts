/**
 * Header fields on their way into an answer, as plain data: each call into the runtime's own `Headers` costs about what
 * the rest of a decision does, so an answer's head is gathered here and given to the runtime once.
 */

export type HeaderList = (readonly [name: string, value: string])[];

/** A later value takes the place of an earlier one; cookies stand beside each other (RFC 6265, section 3). */
export function setAll(headers: Pick<Headers, "append" | "set">, list: Readonly<HeaderList>): void {
  for (const [name, value] of list) {
    if (name === "set-cookie") headers.append(name, value);
    else headers.set(name, value);
  }
}

let lastSecond = Number.NaN;
let lastDate = "";

/** IMF-fixdate (RFC 9110, 5.6.7), which is the same for a second. @param now Unix milliseconds. */
export function httpDate(now: number): string {
  const second = Math.floor(now / 1_000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastDate = new Date(now).toUTCString();
  }
  return lastDate;
}

/** RFC 9110, 7.6.1: they are about the connection, not about the message. */
export const HOP_BY_HOP: readonly string[] = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "upgrade",
];

/** Names are lower case: what is given under another is another field. */
export class Fields implements Iterable<[name: string, value: string]> {
  readonly #values = new Map<string, string>();
  readonly #cookies: string[] = [];

  constructor(list: Iterable<readonly [name: string, value: string]> = []) {
    for (const [name, value] of list) this.set(name, value);
  }

  /** `null`: it is not there. Cookies can't be asked for one by one. */
  get(name: string): string | null {
    return this.#values.get(name) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Of a cookie it adds one, as {@link setAll} does. */
  set(name: string, value: string): void {
    if (name === "set-cookie") this.#cookies.push(value);
    else this.#values.set(name, value);
  }

  /** As the runtime's `Headers` has it. */
  getSetCookie(): string[] {
    return [...this.#cookies];
  }

  /** Adds a member to a list (RFC 9110, 5.3), or a cookie. */
  append(name: string, value: string): void {
    const held = name === "set-cookie" ? undefined : this.#values.get(name);
    this.set(name, held === undefined ? value : `${held}, ${value}`);
  }

  delete(name: string): void {
    this.#values.delete(name);
  }

  /** Of all but cookies, as they are now. */
  names(): string[] {
    return [...this.#values.keys()];
  }

  *[Symbol.iterator](): Iterator<[name: string, value: string]> {
    yield* this.#values;
    for (const cookie of this.#cookies) yield ["set-cookie", cookie];
  }

  /** What the runtime takes; of the two forms it reads a record in less than half the time. */
  toInit(): Record<string, string> | [string, string][] {
    if (this.#cookies.length === 0) return Object.fromEntries(this.#values);
    return [...this];
  }
}
