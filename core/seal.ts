/**
 * Secrets at rest: AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. What a sealed text belongs to is bound to it
 * as additional data, so that it can't be moved elsewhere. Keys come in rings, with an id each, so that they can change.
 */
import { base64, fromBase64 } from "#core/encoding.ts";
import type { Random } from "#core/time.ts";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface KeyRing {
  /** Id of the key that seals; the others only open. */
  current: string;
  /** Id → 32 bytes. */
  keys: Record<string, Uint8Array<ArrayBuffer>>;
}

/** @param json `{ "current": "<id>", "keys": { "<id>": "<base64 of 32 bytes>" } }` @throws When it is not that. */
export function parseKeyRing(json: string): KeyRing {
  const { current, keys } = JSON.parse(json) as { current: string; keys: Record<string, string> };
  const ring = Object.fromEntries(Object.entries(keys).map(([id, text]) => [id, fromBase64(text)]));
  if (ring[current]?.length !== 32) throw new Error("the current key is missing, or not of 32 bytes");
  return { current, keys: ring };
}

/** @returns `<key id>.<base64 of nonce and ciphertext>` */
export async function seal(ring: KeyRing, text: string, belongsTo: string, random: Random): Promise<string> {
  const nonce = random.bytes(NONCE_BYTES);
  const key = await importKey(ring.keys[ring.current], "encrypt");
  const encoder = new TextEncoder();
  const data = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv: nonce, additionalData: encoder.encode(belongsTo) },
    key,
    encoder.encode(text),
  );
  const joined = new Uint8Array(nonce.length + data.byteLength);
  joined.set(nonce);
  joined.set(new Uint8Array(data), nonce.length);
  return `${ring.current}.${base64(joined)}`;
}

/** @throws When the key is unknown, or the text was changed or moved. */
export async function open(ring: KeyRing, sealed: string, belongsTo: string): Promise<string> {
  const dot = sealed.indexOf(".");
  const bytes = fromBase64(sealed.slice(dot + 1));
  const key = await importKey(ring.keys[sealed.slice(0, dot)], "decrypt");
  const text = await crypto.subtle.decrypt(
    { name: "AES-GCM", iv: bytes.slice(0, NONCE_BYTES), additionalData: new TextEncoder().encode(belongsTo) },
    key,
    bytes.slice(NONCE_BYTES),
  );
  return new TextDecoder().decode(text);
}

/** Which key a text is sealed with. */
export const keyIdOf = (sealed: string): string => sealed.slice(0, sealed.indexOf("."));

/** Bytes of the text within, in UTF-8; it need not be opened for that. */
export function sealedBytes(sealed: string): number {
  const text = sealed.slice(sealed.indexOf(".") + 1);
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return (text.length / 4) * 3 - padding - NONCE_BYTES - TAG_BYTES;
}

async function importKey(
  key: Uint8Array<ArrayBuffer> | undefined,
  use: "encrypt" | "decrypt",
): Promise<CryptoKey> {
  if (!key) throw new Error("sealed with a key that this platform does not have");
  return crypto.subtle.importKey("raw", key, "AES-GCM", false, [use]);
}
