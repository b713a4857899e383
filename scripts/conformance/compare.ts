/**
 * Whether two answers to one request are the same to whoever asked. What can't be the same is evened out first: origins,
 * names that carry a build's hash. Pure.
 */

export interface Seen {
  status: number;
  headers: Headers;
  body: string;
  /** Where it was asked: `http://host:port`. */
  origin: string;
}

export interface Rules {
  /** Headers that have to agree, besides status, `location` and cookies. */
  headers: readonly string[];
  /** Evens out what differs from build to build. */
  normalise(body: string): string;
}

export interface Difference {
  what: string;
  /** The framework's own server. */
  theirs: string;
  ours: string;
}

export function compare(theirs: Seen, ours: Seen, rules: Rules): Difference[] {
  const pairs: [what: string, theirs: string, ours: string][] = [
    ["status", String(theirs.status), String(ours.status)],
    ["location", location(theirs), location(ours)],
    ["set-cookie", cookies(theirs), cookies(ours)],
    ...rules.headers.map((name): [string, string, string] => [
      name,
      header(theirs, name),
      header(ours, name),
    ]),
    // RFC 9110, 15.4: the body of a redirect is a note for people.
    ...(isRedirect(theirs) && isRedirect(ours)
      ? []
      : [["body", text(theirs, rules), text(ours, rules)] as [string, string, string]]),
  ];
  return pairs.flatMap(([what, one, two]) => (one === two ? [] : [{ what, ...apart(one, two) }]));
}

const isRedirect = ({ status, headers }: Seen): boolean =>
  status >= 300 && status <= 399 && headers.has("location");

const location = ({ headers, origin }: Seen): string =>
  (headers.get("location") ?? "-")
    .replace(origin, "")
    .replace(/^https?:\/\/(?:localhost|127\.0\.0\.1):\d+/, "");

const cookies = ({ headers }: Seen): string => headers.getSetCookie().sort().join("\n");

function header({ headers }: Seen, name: string): string {
  const value = headers.get(name) ?? "-";
  // RFC 9110, 8.3.1: parameters and their values are case-insensitive where it matters here, and so is the space.
  return name === "content-type" ? value.toLowerCase().replace(/;\s*/g, "; ") : value;
}

const text = ({ body, origin }: Seen, { normalise }: Rules): string =>
  normalise(body.replaceAll(origin, "ORIGIN").replaceAll(origin.replace(/^https?:\/\//, ""), "HOST"));

const SHOWN = 160;

/** From where they part, with a little before it. */
function apart(theirs: string, ours: string): { theirs: string; ours: string } {
  let at = 0;
  while (at < theirs.length && theirs[at] === ours[at]) at++;
  const from = Math.max(0, at - 40);
  const excerpt = (whole: string) => (from > 0 ? "…" : "") + whole.slice(from, from + SHOWN);
  return { theirs: excerpt(theirs), ours: excerpt(ours) };
}
