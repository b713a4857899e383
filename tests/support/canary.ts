/** Values that must stand nowhere, and where to look for them. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** As they are, and as others may write them. @returns Those forms that a text holds. */
export function finder(...values: string[]): (text: string) => string[] {
  const forms = values.flatMap((value) => {
    const bytes = Buffer.from(value);
    const inner = [0, 1, 2].map((shift) =>
      Buffer.from("x".repeat(shift) + value)
        .toString("base64")
        .slice(4, -4),
    );
    return [
      value,
      JSON.stringify(value).slice(1, -1),
      encodeURIComponent(value),
      bytes.toString("hex"),
      ...inner,
    ];
  });
  return (text) => forms.filter((form) => text.includes(form));
}

export function filesOf(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const about = statSync(path, { throwIfNoEntry: false });
    return about?.isDirectory() ? filesOf(path) : about?.isFile() ? [path] : [];
  });
}

/** As it lies there, a byte a character; of what is gone meanwhile nothing. */
export function bytesOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
