/** What an edge function's source may import as text: the ending says how it is understood. Pure. */

export const KINDS = {
  ts: "ts",
  mts: "ts",
  cts: "ts",
  tsx: "tsx",
  js: "js",
  mjs: "js",
  cjs: "js",
  jsx: "jsx",
  json: "json",
  txt: "text",
  html: "text",
  md: "text",
  sql: "text",
  css: "text",
  svg: "text",
} as const;

/** @returns `null` for what can't be imported. */
export function kindOf(path: string): (typeof KINDS)[keyof typeof KINDS] | null {
  const ending = path.slice(path.lastIndexOf(".") + 1);
  return Object.hasOwn(KINDS, ending) ? KINDS[ending as keyof typeof KINDS] : null;
}
