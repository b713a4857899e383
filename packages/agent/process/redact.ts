/** Values of secrets out of the lines of a workload. Pure. */

/** What is shorter stands in too many words by chance, and is no secret worth the name. */
const MIN_LENGTH = 6;

/** @returns What replaces each value, and its Base64, by the name of its variable in brackets. */
export function redactor(env: Record<string, string>, secrets: readonly string[]): (text: string) => string {
  const sought = secrets
    .flatMap((name) => {
      const value = env[name] ?? "";
      // A line never holds the whole of a value of several.
      return [value, ...value.split(/\r?\n/)].flatMap((part) =>
        formsOf(part).map((form) => ({ form, name })),
      );
    })
    .filter(({ form }) => form.length >= MIN_LENGTH)
    // The longest first, since it may hold another.
    .sort((a, b) => b.form.length - a.form.length);
  if (sought.length === 0) return (text) => text;
  return (text) => sought.reduce((rest, { form, name }) => rest.replaceAll(form, `[${name}]`), text);
}

/** The value, and the middle of its Base64 at each of the three places where it can begin inside of a longer one. */
function formsOf(value: string): string[] {
  if (value.length < MIN_LENGTH) return [];
  const bytes = Buffer.from(value);
  const encoded = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    const whole = Math.floor(((offset + bytes.length) * 8) / 6);
    return text.slice(Math.ceil((offset * 8) / 6), whole);
  });
  return [value, ...encoded, ...encoded.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"))];
}
