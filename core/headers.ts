/** Header lists, as routes and middlewares give them. */

export type HeaderList = (readonly [name: string, value: string])[];

/** A later value takes the place of an earlier one; cookies stand beside each other (RFC 6265, section 3). */
export function setAll(headers: Headers, list: Readonly<HeaderList>): void {
  for (const [name, value] of list) {
    if (name === "set-cookie") headers.append(name, value);
    else headers.set(name, value);
  }
}
