/** RFC 4180, and nothing that a spreadsheet would run. */

export const csvRow = (fields: readonly (string | number | null)[]): string =>
  `${fields.map(field).join(",")}\r\n`;

function field(value: string | number | null): string {
  if (typeof value !== "string") return value === null ? "" : String(value);
  // A leading = + - @ or tab would make it a formula.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
