/** Puts captured text into a destination or a header. */

/** Numbered groups by their number, named ones by their name. */
export type Captures = Record<string, string>;

/** `$1`, `$name`: a name reaches as far as letters, digits and _ do. What was not captured becomes empty. */
export function substitute(template: string, captures: Captures): string {
  return template.replace(/\$(\d+|[A-Za-z_]\w*)/g, (_, key: string) => captures[key] ?? "");
}

/**
 * Of an address: what was captured is one value of its query, whatever stands in it. (A capture that stands there by itself,
 * `?$1`, may be any part of one.)
 */
export function substituteAddress(template: string, captures: Captures): string {
  const mark = template.indexOf("?");
  if (mark < 0) return substitute(template, captures);
  const escaped = Object.fromEntries(
    Object.entries(captures).map(([key, text]) => [key, text.replace(/[&+#]/g, encodeURIComponent)]),
  );
  const query = template
    .slice(mark)
    .replace(/=[^&#]*|[^=]+/g, (part) => substitute(part, part.startsWith("=") ? escaped : captures));
  return substitute(template.slice(0, mark), captures) + query;
}

/** For a header: control characters that came with a capture can't split it. */
export function headerSafe(text: string): string {
  return text
    .replace(/[\u0000-\u0008\u000a-\u001f\u007f]/g, encodeURIComponent)
    .replace(/[^\u0000-\u00ff]+/g, encodeURI);
}

const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\//i;
export const isAbsolute = (target: string): boolean => ABSOLUTE.test(target);

/**
 * A `location` made from a template: one that names no host of its own stays on this host, however many slashes a
 * capture begins with.
 */
function localTarget(template: string, target: string): string {
  if (isAbsolute(template) || template.startsWith("//") || /^\$/.test(template)) {
    return /^\$/.test(template) && !isAbsolute(target) ? singleSlash(target) : target;
  }
  return singleSlash(target);
}

const singleSlash = (target: string): string => target.replace(/^[/\\]{2,}/, "/");

/** Where a redirect leads. @param from The request's own query. */
export const locationOf = (template: string, captures: Captures, from: URLSearchParams): string =>
  mergeQuery(localTarget(template, addressOf(headerSafe(substituteAddress(template, captures)))), from);

/** What stands in no address (RFC 3986, 2) is escaped: a template may hold it, and so may a header or cookie that was captured. */
const addressOf = (text: string): string => text.replace(/[^!#-;=?-[\]_a-z|~]+/g, encodeURI);

/** Adds the request's parameters that the target does not set itself; keeps a fragment at the end. */
export function mergeQuery(target: string, from: URLSearchParams): string {
  if (from.size === 0) return target;
  const hash = target.indexOf("#");
  const main = hash < 0 ? target : target.slice(0, hash);
  const fragment = hash < 0 ? "" : target.slice(hash);
  const mark = main.indexOf("?");
  const own = new URLSearchParams(mark < 0 ? "" : main.slice(mark + 1));
  const extra = new URLSearchParams([...from].filter(([key]) => !own.has(key)));
  if (extra.size === 0) return target;
  return `${main}${mark < 0 ? "?" : main.endsWith("?") ? "" : "&"}${extra}${fragment}`;
}
