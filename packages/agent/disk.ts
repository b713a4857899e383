/** The agent's files on disk. */
import {
  appendFileSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Storage } from "./seams.ts";

export function diskStorage(home: string): Storage {
  const at = (name: string): string => {
    const path = join(home, name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return path;
  };
  return {
    read(name) {
      try {
        return readFileSync(join(home, name), "utf8");
      } catch {
        return null;
      }
    },
    write(name, text) {
      const path = at(name);
      const file = openSync(`${path}.tmp`, "w", 0o600);
      try {
        writeFileSync(file, text);
        // A renamed file whose bytes are not there yet is what a power failure leaves.
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(`${path}.tmp`, path);
    },
    append: (name, text) => appendFileSync(at(name), text, { mode: 0o600 }),
    remove: (name) => rmSync(join(home, name), { force: true }),
    list(folder) {
      try {
        const names = readdirSync(join(home, folder));
        return names
          .filter((name) => /^[^.].*\.(json|ndjson)$/.test(name))
          .map((name) => `${folder}/${name}`);
      } catch {
        return [];
      }
    },
    setAside: (name) => renameSync(join(home, name), `${join(home, name)}.corrupt-${Date.now()}`),
  };
}
