/** The lines of a source around a place, with a mark. Pure. */

const AROUND = 3;

/** @param line Counts from 1. @param column Counts from 1. @returns Empty when the source has no such line. */
export function excerptOf(source: string, line: number, column: number): string {
  const lines = source.split(/\r?\n/);
  if (line < 1 || line > lines.length) return "";
  const from = Math.max(1, line - AROUND);
  const to = Math.min(lines.length, line + AROUND);
  const width = String(to).length;
  const shown: string[] = [];
  for (let number = from; number <= to; number++) {
    const text = lines[number - 1] ?? "";
    shown.push(`${number === line ? ">" : " "} ${String(number).padStart(width)} | ${text}`);
    if (number !== line) continue;
    // Tabs stay tabs, so that the mark stands below what it means.
    const before = text.slice(0, column - 1).replace(/[^\t]/g, " ");
    shown.push(`  ${" ".repeat(width)} | ${before}^`);
  }
  return shown.join("\n");
}
