/**
 * `.env` files: a managed block that is ours to rewrite, and every other line left alone, byte for byte. Values are
 * quoted so that dotenv reads back what was there. Pure.
 */

const BEGIN = "# >>> cloudify (managed; `cloudify env pull` rewrites this block) >>>";
const END = "# <<< cloudify <<<";

export interface Pulled {
  env: Record<string, string>;
  /** Names whose values can't be read. */
  sensitive: readonly string[];
}

export interface Merged {
  text: string;
  /** Names that can't be written so that every parser reads them back. */
  skipped: string[];
}

export function mergeEnvFile(existing: string, pulled: Pulled): Merged {
  const newline = existing.includes("\r\n") ? "\r\n" : "\n";
  const skipped: string[] = [];
  const lines = [BEGIN];
  for (const [key, value] of Object.entries(pulled.env)) {
    const quoted = quote(value);
    if (quoted === null) {
      skipped.push(key);
      lines.push(`# ${key} can't be written to a file: it holds all three kinds of quotes`);
    } else lines.push(`${key}=${quoted}`);
  }
  for (const key of pulled.sensitive) lines.push(`# ${key} is sensitive: its value can't be read`);
  lines.push(END);
  const block = lines.join(newline);
  const from = existing.indexOf(BEGIN);
  const to = from < 0 ? -1 : existing.indexOf(END, from);
  if (to >= 0) return { text: existing.slice(0, from) + block + existing.slice(to + END.length), skipped };
  const gap = existing === "" || existing.endsWith("\n") ? "" : newline;
  return { text: existing + gap + block + newline, skipped };
}

/** Which quotes keep the value as it is: dotenv expands `\n` in double quotes and nothing in the other two. */
function quote(value: string): string | null {
  if (/^[\w./:@%+,\\-]*$/.test(value)) return value;
  // The closing quote would count as escaped.
  if (value.endsWith("\\")) return null;
  if (value.includes("\r")) {
    return /["\\]/.test(value) ? null : `"${value.replaceAll("\r", "\\r").replaceAll("\n", "\\n")}"`;
  }
  for (const mark of ["'", "`"]) if (!value.includes(mark)) return mark + value + mark;
  return value.includes('"') || /\\[nr]/.test(value) ? null : `"${value}"`;
}
