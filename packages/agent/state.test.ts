import fc from "fast-check";
import { expect, test } from "vitest";
import { memoryStorage } from "../../tests/support/memory-storage.ts";
import { load, save } from "./state.ts";

test("a file of which any byte was changed is not used, but kept for whoever asks why", () => {
  const value = fc.dictionary(fc.string(), fc.string(), { minKeys: 1 });
  fc.assert(
    fc.property(value, fc.nat(), fc.nat(255), (held, at, byte) => {
      const files = new Map<string, string>();
      const storage = memoryStorage(files);
      const said: string[] = [];
      save(storage, "desired.json", held);
      expect(load(storage, "desired.json", () => undefined)).toEqual(held);
      const whole = Buffer.from(files.get("desired.json") ?? "", "latin1");
      const place = at % whole.length;
      if (whole[place] === byte) return;
      whole[place] = byte;
      files.set("desired.json", whole.toString("latin1"));
      expect(load(storage, "desired.json", (_, message) => said.push(message))).toBeNull();
      expect(said).toHaveLength(1);
      expect([...files.keys()]).toEqual(["desired.json.corrupt"]);
    }),
  );
});

test("half of a file is no file", () => {
  const files = new Map<string, string>();
  save(memoryStorage(files), "a.json", { long: "value" });
  files.set("a.json", (files.get("a.json") ?? "").slice(0, -4));
  expect(load(memoryStorage(files), "a.json", () => undefined)).toBeNull();
  expect(load(memoryStorage(), "a.json", () => undefined)).toBeNull();
});
