/** Sends a visitor to the pages of their language: the cookie decides, then `accept-language` (RFC 9110, 12.5.4). */
import type { Locale } from "./table.ts";

/** @returns Where to send them, or `null` to stay. */
export function localeTarget(
  locale: Locale,
  path: string,
  cookies: Record<string, string>,
  acceptLanguage: string | null,
): string | null {
  const chosen = locale.cookie === null ? undefined : cookies[locale.cookie];
  const wanted = chosen === undefined ? languages(acceptLanguage) : [chosen];
  const byName = new Map(Object.entries(locale.redirect).map(([name, to]) => [name.toLowerCase(), to]));
  for (const language of wanted) {
    const to = byName.get(language) ?? byName.get(language.split("-")[0] ?? "");
    if (to !== undefined) return to === path ? null : to;
  }
  return null;
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
