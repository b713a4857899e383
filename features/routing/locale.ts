/** Sends a visitor to the pages of their language: the cookie decides, then `accept-language` (RFC 9110, 12.5.4). */
import { isAbsolute } from "./substitute.ts";
import type { Locale } from "./table.ts";

interface Place {
  /** What the visitor asked for. */
  url: URL;
  /** Where routes have led that since. */
  path: string;
}

/**
 * A language is found by its own name, else by that of the language it is a kind of (`fr` for `fr-CA`), else as the first
 * kind that there is of it (`nl-NL` for `nl`).
 *
 * @returns Where to send them, or `null` to stay.
 */
export function localeTarget(
  locale: Locale,
  at: Place,
  cookies: Record<string, string>,
  acceptLanguage: string | null,
): string | null {
  const chosen = locale.cookie === null ? undefined : cookies[locale.cookie];
  const wanted = chosen === undefined ? languages(acceptLanguage) : [chosen.toLowerCase()];
  const targets = Object.entries(locale.redirect).map(([name, to]) => [name.toLowerCase(), to] as const);
  const byName = new Map(targets);
  for (const language of wanted) {
    const [base = ""] = language.split("-");
    const to =
      byName.get(language) ??
      byName.get(base) ??
      targets.find(([name]) => name.startsWith(`${language}-`))?.[1];
    if (to !== undefined) return isHere(to, at) ? null : to;
  }
  return null;
}

/** Languages may have hosts of their own, where routes lead to their pages: who is there is sent nowhere. */
function isHere(to: string, { url, path }: Place): boolean {
  if (!isAbsolute(to) || !URL.canParse(to)) return to === path;
  const { hostname, pathname } = new URL(to);
  return hostname === url.hostname && pathname === url.pathname;
}

function languages(header: string | null): string[] {
  return (header ?? "")
    .split(",", 50)
    .map((range) => {
      const [name = "", ...parameters] = range.trim().toLowerCase().split(";");
      const q = parameters.map((one) => /^\s*q=([\d.]+)\s*$/.exec(one)?.[1]).find((one) => one !== undefined);
      return { name: name.trim(), q: q === undefined ? 1 : Number(q) };
    })
    .filter(({ name, q }) => name !== "" && q > 0)
    .sort((a, b) => b.q - a.q)
    .map(({ name }) => name);
}
