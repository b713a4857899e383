/**
 * Identifiers: a prefix that says the kind, then 26 Crockford base32 characters (48 bits of time, 80 random bits),
 * so ids of one kind sort by creation and can't be guessed. Secrets never share a prefix with an id.
 */
import type { Millis, Random } from "#core/time.ts";

const PREFIXES = {
  team: "team",
  token: "tok",
  project: "prj",
  deployment: "dpl",
  envVar: "env",
  auditEntry: "aud",
  request: "req",
  upload: "upl",
  outbox: "obx",
  region: "rgn",
} as const;

export type IdKind = keyof typeof PREFIXES;

/** A string that only `newId` and a parser make; two kinds can't be mixed up. */
export type Id<K extends IdKind> = string & { readonly __id: K };

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Crockford base32, lower case, most significant bits first; the last character is padded with zero bits. */
export function base32(bytes: Uint8Array): string {
  let out = "";
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += ALPHABET[(buffer >> bits) & 31];
    }
  }
  return bits > 0 ? out + ALPHABET[(buffer << (5 - bits)) & 31] : out;
}

/** The same for the same text, and as hard to guess as that; does not sort by time. */
export async function derivedId<K extends IdKind>(kind: K, text: string): Promise<Id<K>> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `${PREFIXES[kind]}_${base32(new Uint8Array(digest, 0, 16))}` as Id<K>;
}

export function newId<K extends IdKind>(kind: K, now: Millis, random: Random): Id<K> {
  let time = "";
  for (let rest = now, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = ALPHABET[rest % 32] + time;
  return `${PREFIXES[kind]}_${time}${base32(random.bytes(10))}` as Id<K>;
}
