import { expect, test } from "vitest";
import { memoryStorage } from "../../tests/support/memory-storage.ts";
import { type KeptMaterial, loadMaterial, materialFile, saveMaterial } from "./materials.ts";

const material = {
  id: "dpl1.node",
  generation: 3,
  env: { SECRET: "canary-1234567" },
  secrets: [],
  putUpAt: 1,
} as unknown as KeptMaterial;
const quiet = (): void => undefined;

test("what is kept comes back, and no file shows what it holds", () => {
  const files = new Map<string, string>();
  const storage = memoryStorage(files);
  saveMaterial(storage, quiet, material.id, material);
  expect(loadMaterial(memoryStorage(files), material.id, quiet)).toEqual(material);
  const canary = Buffer.from("canary-1234567");
  for (const text of files.values()) {
    expect(text).not.toContain(canary.toString());
    expect(text).not.toContain(canary.toString("base64").slice(0, 12));
  }
});

test("under another workload's name, or with another home's key, nothing is opened, and it is said", () => {
  const files = new Map<string, string>();
  saveMaterial(memoryStorage(files), quiet, material.id, material);
  const said: string[] = [];
  const held = files.get(materialFile(material.id)) ?? "";
  const other = memoryStorage(new Map([...files, [materialFile("dpl2.node"), held]]));
  expect(loadMaterial(other, "dpl2.node", (_, message) => said.push(message))).toBeNull();
  const elsewhere = memoryStorage(new Map([[materialFile(material.id), held]]));
  expect(loadMaterial(elsewhere, material.id, (_, message) => said.push(message))).toBeNull();
  expect(said).toHaveLength(2);
});
