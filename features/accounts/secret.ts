/** The secret of a token: `cfy_` and 40 letters and digits (238 bits), so it needs no quoting anywhere. */
import type { Random } from "#core/time.ts";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH = 40;
/** The largest multiple of 62 in a byte: what lies above would make some characters likelier. */
const FAIR = 248;

export const newSecret = (random: Random): string => `cfy_${drawSecret(random)}`;

/** The part that can't be guessed. */
export function drawSecret(random: Random): string {
  let secret = "";
  while (secret.length < LENGTH) {
    for (const byte of random.bytes(LENGTH)) {
      if (byte < FAIR && secret.length < LENGTH) secret += ALPHABET[byte % ALPHABET.length];
    }
  }
  return secret;
}
