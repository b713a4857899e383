/**
 * Which variables hold something to be kept from readers, and which hold what any text may say. Most variables are settings
 * (`production`, `eu-central-1`, an address): taken for secrets they would black out logs and fail builds. Pure.
 */

/** Frameworks inline these on purpose: their names say that they are public. */
const PUBLIC_NAME =
  /^(?:NEXT_PUBLIC_|NUXT_PUBLIC_|PUBLIC_|VITE_|EXPO_PUBLIC_|REACT_APP_|GATSBY_|VUE_APP_|ASTRO_PUBLIC_|STORYBOOK_)/;
/** Whoever calls it so does not mean a word of the language by it. */
const SECRET_NAME =
  /(?:^|_)(?:PASS|PASSWORD|PASSPHRASE|PASSWD|PWD|SECRET|TOKEN|KEY|CREDENTIALS?|AUTH|PRIVATE|SALT)(?:_|$)/i;

/** A part of an address that is so long was made to be guessed by nobody. */
const TELLING_LENGTH = 16;
const SENTENCE = /^\p{Lu}[\p{L}’']*(?:[,.!?&-]? [\p{L}\p{N}’'-]{1,15})+[.!?]?$/u;
const HOST = /^(?:[a-z0-9-]{1,15}\.)+[a-z]{2,15}$/;
const MAIL = /^[\w.+-]{1,32}@(?:[a-z0-9-]{1,15}\.)+[a-z]{2,15}$/;
/** `main`, `Main`, `MAIN`, `mainPage`, `GitHub`: a key's letters change their case more often. */
const WORD = "[A-Za-z]?[a-z]{1,14}(?:[A-Z][a-z]{2,14})?|[A-Z]{1,15}|v?\\d{1,8}";
/** Words and short numbers: `production`, `eu-central-1`, `/var/data`, `2026-01-31`, `v1.2.3-beta`. */
const WORDS = new RegExp(`^[-_./:, ]?(?:${WORD})(?:[-_./:, ](?:${WORD}))*/?$`);

/** Addresses, hosts and sentences are written into pages on purpose, whatever the variable is called. */
export function isOpenValue(value: string): boolean {
  if (SENTENCE.test(value) || HOST.test(value) || MAIL.test(value)) return true;
  if (!/^https?:\/\//.test(value) || !URL.canParse(value)) return false;
  const { username, password, search, pathname } = new URL(value);
  // A webhook's secret is its address.
  const isTelling = pathname.split("/").some((part) => part.length >= TELLING_LENGTH);
  return username === "" && password === "" && search === "" && !isTelling;
}

/** Whether nothing is given away by showing it. */
export const isOpenVariable = (name: string, value: string): boolean =>
  PUBLIC_NAME.test(name) || isOpenValue(value) || (!SECRET_NAME.test(name) && WORDS.test(value));

export interface Variable {
  key: string;
  value: string;
  /** Somebody has said that it is a secret. */
  sensitive: boolean;
}

/** Names whose values must not appear in a log: the sensitive ones, and what looks like a secret that nobody has marked. */
export const guardedNames = (variables: readonly Variable[]): string[] =>
  variables
    .filter(({ key, value, sensitive }) => sensitive || !isOpenVariable(key, value))
    .map(({ key }) => key);
