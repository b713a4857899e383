/**
 * What workloads are made of, kept so that they can be put up when nobody answers. It holds values of variables: no file of
 * the agent's home shows them, but the one that holds the key opens the others. Who may read all of the home reads all.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { WorkloadMaterial } from "@cloudify/protocol";
import type { Log, Storage } from "./seams.ts";
import { load, save } from "./state.ts";

/** A material, and when the generation that it is of was put up; Unix milliseconds of the agent's clock. */
export type KeptMaterial = WorkloadMaterial & { putUpAt: number };

interface Sealed {
  /** Base64 of nonce, tag and text. */
  sealed: string;
}

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_FILE = "materials-key.json";

export const materialFile = (id: string): string => `materials/${id}.json`;

export function saveMaterial(storage: Storage, log: Log, id: string, material: KeptMaterial): void {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(storage, log), nonce).setAAD(Buffer.from(id));
  const text = Buffer.concat([cipher.update(JSON.stringify(material), "utf8"), cipher.final()]);
  const sealed = Buffer.concat([nonce, cipher.getAuthTag(), text]).toString("base64");
  save(storage, materialFile(id), { sealed } satisfies Sealed);
}

/** @returns `null` when there is none, or none that can be opened: it comes again from the control plane. */
export function loadMaterial(storage: Storage, id: string, log: Log): KeptMaterial | null {
  const held = load<Partial<Sealed>>(storage, materialFile(id), log);
  if (held?.sealed === undefined) return null;
  const bytes = Buffer.from(held.sealed, "base64");
  const [nonce, tag] = [bytes.subarray(0, NONCE_BYTES), bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)];
  try {
    const decipher = createDecipheriv(CIPHER, keyOf(storage, log), nonce)
      .setAAD(Buffer.from(id))
      .setAuthTag(tag);
    const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    return JSON.parse(text.toString("utf8")) as KeptMaterial;
  } catch {
    log("error", `What is kept of ${id} can't be opened with the key of this home; it is not used.`, {
      id,
      fix: "Nothing needs to be done: it comes again from the control plane.",
    });
    return null;
  }
}

function keyOf(storage: Storage, log: Log): Buffer {
  const held = load<{ key: string }>(storage, KEY_FILE, log);
  if (held) return Buffer.from(held.key, "base64");
  const key = randomBytes(KEY_BYTES);
  save(storage, KEY_FILE, { key: key.toString("base64") });
  return key;
}
