/** What esbuild adds to an error: which other place it has to do with, and what to do about it. Pure. */
import type { Message } from "esbuild";

/** Nothing can be left out of a bundle here, which is all that esbuild thinks of. */
const LEAVE_OUT = /^You can mark the path /;
const INSTALL = "Install the package (npm install), or correct its name.";
/** `import("./pages/" + name)`, where esbuild finds no such file. */
const BY_PATTERN = /^Could not resolve (?:import|require)\(/;
const BY_NAME =
  "Import each file by a name of its own: what belongs to the bundle is decided when it is made.";

/** @returns The text with the places that it is also about; `fix` is `null` where esbuild knows none. */
export function noted({ text, notes }: Pick<Message, "text" | "notes">): {
  text: string;
  fix: string | null;
} {
  const places = notes.flatMap(({ text: about, location }) =>
    location ? [`\n  ${about} ${location.file.replace(/^\//, "")}:${location.line}`] : [],
  );
  const fix = notes.find(({ location }) => !location)?.text ?? null;
  const own = fix !== null && LEAVE_OUT.test(fix) ? INSTALL : fix;
  return { text: text + places.join(""), fix: BY_PATTERN.test(text) ? BY_NAME : own };
}
