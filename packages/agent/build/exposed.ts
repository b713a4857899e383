/** Looks for secrets in what a build has made: in what visitors can read it is a fault, in what runs it may be meant. */
import { createReadStream } from "node:fs";
import { encodedForms } from "@cloudify/protocol";
import { BuildFault } from "./fault.ts";
import { Needles, ROOT } from "./needles.ts";
import type { TreeFile } from "./tree.ts";

/** Shorter values stand in minified code by chance. */
const MIN_LENGTH = 12;
const MIN_FORM_LENGTH = 10;
/** Frameworks inline these on purpose: their names say that they are public. */
const PUBLIC_NAME =
  /^(?:NEXT_PUBLIC_|NUXT_PUBLIC_|PUBLIC_|VITE_|EXPO_PUBLIC_|REACT_APP_|GATSBY_|VUE_APP_|ASTRO_PUBLIC_|STORYBOOK_)/;
/** Made by programs for programs, and no longer than a page's: what is larger is read too, but these are not. */
const UNREAD = /\.(?:png|jpe?g|gif|webp|avif|ico|woff2?|ttf|otf|mp[34]|webm|zip|gz|br|pdf|node)$/i;
const MAX_SHOWN = 5;
/** A part of an address that is so long was made to be guessed by nobody. */
const TELLING_LENGTH = 16;

interface Found {
  path: string;
  variable: string;
}

/** @returns Warnings of what runs. @throws BuildFault `secret_exposed` for what visitors can read. */
export async function checkExposed(
  files: readonly TreeFile[],
  env: Readonly<Record<string, string>>,
  secrets: readonly string[],
): Promise<string[]> {
  const sought = soughtOf(env, secrets);
  if (sought.length === 0) return [];
  const needles = new Needles(sought.map((one) => one.bytes));
  const open: Found[] = [];
  const closed: Found[] = [];
  const seen = new Set<string>();
  for (const file of files) {
    const isOpen = isPublic(file.path);
    if (file.link !== undefined || UNREAD.test(file.path) || (seen.has(file.inode) && !isOpen)) continue;
    seen.add(file.inode);
    const names = await namesIn(file.absolute, needles, sought);
    for (const variable of names) (isOpen ? open : closed).push({ path: file.path, variable });
  }
  if (open.length > 0) {
    throw new BuildFault(
      "secret_exposed",
      `The output shows secrets to every visitor: ${listed(open)}.`,
      "Read the variable in code that runs on the server only. If it is no secret, give it a public prefix (NEXT_PUBLIC_, VITE_, PUBLIC_, …), or add it without --sensitive; if it is one, change it: it may be in earlier deployments.",
    );
  }
  return closed.length === 0
    ? []
    : [
        `Values of variables are written into code that runs on the server: ${listed(closed)}. Visitors don't see them`,
      ];
}

/** Static files, and the pages that were rendered beforehand. */
const isPublic = (path: string): boolean =>
  path.startsWith("static/") || /^functions\/.*\.prerender-fallback\.[^/]+$/.test(path);

/** Addresses, hosts and sentences are written into pages on purpose, whatever the variable is called. */
export function isOpenValue(value: string): boolean {
  if (SENTENCE.test(value) || HOST.test(value) || MAIL.test(value)) return true;
  if (!/^https?:\/\//.test(value) || !URL.canParse(value)) return false;
  const { username, password, search, pathname } = new URL(value);
  // A webhook's secret is its address.
  const isTelling = pathname.split("/").some((part) => part.length >= TELLING_LENGTH);
  return username === "" && password === "" && search === "" && !isTelling;
}

const SENTENCE = /^\p{Lu}[\p{L}’']*(?:[,.!?&-]? [\p{L}\p{N}’'-]{1,15})+[.!?]?$/u;
const HOST = /^(?:[a-z0-9-]{1,15}\.)+[a-z]{2,15}$/;
const MAIL = /^[\w.+-]{1,32}@(?:[a-z0-9-]{1,15}\.)+[a-z]{2,15}$/;

function soughtOf(env: Readonly<Record<string, string>>, secrets: readonly string[]) {
  const isShown = new Set(
    Object.entries(env).flatMap(([name, value]) =>
      secrets.includes(name) && !PUBLIC_NAME.test(name) ? [] : [value],
    ),
  );
  const seen = new Set<string>();
  return secrets.flatMap((variable) => {
    const value = env[variable]?.trim() ?? "";
    if (
      value.length < MIN_LENGTH ||
      isOpenValue(value) ||
      PUBLIC_NAME.test(variable) ||
      isShown.has(env[variable] ?? "")
    )
      return [];
    return encodedForms(value)
      .filter((form) => form.length >= MIN_FORM_LENGTH && !seen.has(form) && seen.add(form))
      .map((form) => ({ variable, bytes: Buffer.from(form) }));
  });
}

async function namesIn(
  absolute: string,
  needles: Needles,
  sought: readonly { variable: string }[],
): Promise<Set<string>> {
  const names = new Set<string>();
  let state = ROOT;
  for await (const chunk of createReadStream(absolute, { highWaterMark: 1024 * 1024 })) {
    for (const byte of chunk as Buffer) {
      state = needles.step(state, byte);
      if (state === ROOT) continue;
      const hit = needles.hit(state);
      const variable = hit && sought[hit.needle]?.variable;
      if (variable) names.add(variable);
    }
  }
  return names;
}

function listed(found: readonly Found[]): string {
  const shown = found.slice(0, MAX_SHOWN).map(({ path, variable }) => `${variable} in ${path}`);
  const more = found.length - shown.length;
  return shown.join(", ") + (more > 0 ? `, and ${more} more` : "");
}
