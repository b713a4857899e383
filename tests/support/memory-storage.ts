/** Files in memory, for an agent that lives on a virtual clock: it loses nothing but what was never written. */
import type { Storage } from "../../packages/agent/seams.ts";

export function memoryStorage(files = new Map<string, string>()): Storage {
  return {
    read: (name) => files.get(name) ?? null,
    write: (name, text) => void files.set(name, text),
    append: (name, text) => void files.set(name, (files.get(name) ?? "") + text),
    remove: (name) => void files.delete(name),
    list: (folder) => [...files.keys()].filter((name) => name.startsWith(`${folder}/`)),
    setAside(name) {
      files.set(`${name}.corrupt`, files.get(name) ?? "");
      files.delete(name);
    },
  };
}
