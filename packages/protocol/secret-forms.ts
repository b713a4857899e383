/** The forms in which a secret may stand in a text: as it is, escaped, percent-encoded, in base64 or hexadecimal. Pure. */

/** Shorter values (`true`, `8080`, `eu-west`) appear in any text by chance, and are not looked for. */
export const SECRET_LENGTH = 8;

/** The value itself, the lines of a longer one (a key in PEM is printed line by line), and each as encodings write it. */
export function secretForms(value: string): string[] {
  const lines = value.split(/\r?\n/).filter((line) => line.length >= SECRET_LENGTH);
  return [...new Set([value, value.trim(), ...lines])].flatMap(encodedForms);
}

/** A text and what encodings make of it. */
export function encodedForms(text: string): string[] {
  const bytes = new TextEncoder().encode(text);
  const percent = encodeURIComponent(text.toWellFormed());
  const form = new URLSearchParams({ "": text }).toString().slice(1);
  const json = JSON.stringify(text).slice(1, -1);
  const inspected = inspectedOf(json);
  const digits = [...bytes].map(hex).join("");
  const percents = [percent, form, encodeURI(text.toWellFormed())];
  return [
    text,
    json,
    json.replaceAll("'", "\\'"),
    inspected,
    inspected.replaceAll("'", "\\'"),
    ...percents.flatMap((one) => [one, one.replace(/%../g, (found) => found.toLowerCase())]),
    ...[0, 1, 2].flatMap((offset) => {
      const coded = base64At(bytes, offset);
      return [coded, coded.replaceAll("+", "-").replaceAll("/", "_")];
    }),
    digits,
    digits.toUpperCase(),
  ];
}

/** As a console shows a part of a list or an object: quotes as they are, since it encloses the text in others. */
const inspectedOf = (json: string): string =>
  json
    .replace(/\\(?:u00([01].)|.)/g, (found, code) =>
      code ? `\\x${code.toUpperCase()}` : found === '\\"' ? '"' : found,
    )
    .replace(/[\u007f-\u009f]/g, (one) => `\\x${hex(one.charCodeAt(0)).toUpperCase()}`);

const hex = (byte: number): string => byte.toString(16).padStart(2, "0");

/** What of the base64 of any text that holds the value depends on the value alone, if it begins there at 3n + offset. */
function base64At(bytes: Uint8Array, offset: number): string {
  const padded = new Uint8Array(offset + bytes.length);
  padded.set(bytes, offset);
  let binary = "";
  for (const byte of padded) binary += String.fromCharCode(byte);
  const from = Math.ceil((offset * 8) / 6);
  const to = Math.floor((padded.length * 8) / 6);
  return btoa(binary).slice(from, to);
}
