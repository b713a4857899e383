/** Looks for secrets in what a build has made: in what visitors can read it is a fault, in what runs it may be meant. */
import { createReadStream } from "node:fs";
import { encodedForms, isOpenVariable } from "@cloudify/protocol";
import type { BuildVariables } from "../process/contract.ts";
import { BuildFault } from "./fault.ts";
import { Needles, ROOT } from "./needles.ts";
import type { TreeFile } from "./tree.ts";

/** Shorter values stand in minified code by chance. */
const MIN_LENGTH = 12;
const MIN_FORM_LENGTH = 10;
/** Made by programs for programs, and no longer than a page's: what is larger is read too, but these are not. */
const UNREAD = /\.(?:png|jpe?g|gif|webp|avif|ico|woff2?|ttf|otf|mp[34]|webm|zip|gz|br|pdf|node)$/i;
const MAX_SHOWN = 5;

interface Found {
  path: string;
  variable: string;
}

/**
 * Names of files are looked through as well: visitors read them in addresses.
 *
 * @returns Warnings: what runs shows a secret, or visitors are shown what looks like one and was not marked as sensitive.
 * @throws BuildFault `secret_exposed` for what is sensitive and visitors can read.
 */
export async function checkExposed(
  files: readonly TreeFile[],
  { env, secrets, sensitive }: BuildVariables,
): Promise<string[]> {
  const sought = soughtOf(env, secrets);
  if (sought.length === 0) return [];
  const needles = new Needles(sought.map((one) => one.bytes));
  const open: Found[] = [];
  const closed: Found[] = [];
  const read = new Map<string, ReadonlySet<string>>();
  for (const file of files) {
    const isRead = file.link === undefined && !UNREAD.test(file.path);
    const inBytes = isRead
      ? (read.get(file.inode) ?? (await inFile(file.absolute, needles, sought)))
      : NOTHING;
    read.set(file.inode, inBytes);
    const inName = new Scan(needles, sought).push(Buffer.from(file.path)).names;
    for (const variable of new Set([...inBytes, ...inName]))
      (isPublic(file.path) ? open : closed).push({ path: file.path, variable });
  }
  const shown = open.filter(({ variable }) => sensitive.includes(variable));
  if (shown.length > 0) {
    throw new BuildFault(
      "secret_exposed",
      `The output shows secrets to every visitor: ${listed(shown)}.`,
      "Read the variable in code that runs on the server only. If it is no secret, remove it and add it again without --sensitive; if it is one, change it: it may be in earlier deployments.",
    );
  }
  return [
    ...(open.length === 0
      ? []
      : [
          `The output shows values of variables to every visitor: ${listed(open)}. If one is a secret, change it, and add it with --sensitive: such an output is refused`,
        ]),
    ...(closed.length === 0
      ? []
      : [
          `Values of variables are written into code that runs on the server: ${listed(closed)}. Visitors don't see them, unless that code shows them`,
        ]),
  ];
}

const NOTHING: ReadonlySet<string> = new Set();

/** Static files, and the pages that were rendered beforehand. */
const isPublic = (path: string): boolean =>
  path.startsWith("static/") || /^functions\/.*\.prerender-fallback\.[^/]+$/.test(path);

interface Sought {
  variable: string;
  bytes: Buffer;
}

function soughtOf(env: Readonly<Record<string, string>>, secrets: readonly string[]): Sought[] {
  const isSecret = ([name, value]: [string, string]) =>
    secrets.includes(name) && !isOpenVariable(name, value.trim());
  const all = Object.entries(env);
  /** What a variable that is none shows anyhow. */
  const isShown = new Set(all.filter((one) => !isSecret(one)).map(([, value]) => value));
  const seen = new Set<string>();
  return all.filter(isSecret).flatMap(([variable, value]) => {
    const text = value.trim();
    if (text.length < MIN_LENGTH || isShown.has(value)) return [];
    return encodedForms(text)
      .filter((form) => form.length >= MIN_FORM_LENGTH && !seen.has(form) && seen.add(form))
      .map((form) => ({ variable, bytes: Buffer.from(form) }));
  });
}

/** One text, in as many pieces as one likes. */
class Scan {
  readonly names = new Set<string>();
  readonly #needles: Needles;
  readonly #sought: readonly Sought[];
  #state = ROOT;

  constructor(needles: Needles, sought: readonly Sought[]) {
    this.#needles = needles;
    this.#sought = sought;
  }

  push(chunk: Buffer): this {
    for (const byte of chunk) {
      this.#state = this.#needles.step(this.#state, byte);
      if (this.#state === ROOT) continue;
      const hit = this.#needles.hit(this.#state);
      const variable = hit && this.#sought[hit.needle]?.variable;
      if (variable) this.names.add(variable);
    }
    return this;
  }
}

async function inFile(absolute: string, needles: Needles, sought: readonly Sought[]): Promise<Set<string>> {
  const scan = new Scan(needles, sought);
  for await (const chunk of createReadStream(absolute, { highWaterMark: 1024 * 1024 }))
    scan.push(chunk as Buffer);
  return scan.names;
}

function listed(found: readonly Found[]): string {
  const shown = found.slice(0, MAX_SHOWN).map(({ path, variable }) => `${variable} in ${path}`);
  const more = found.length - shown.length;
  return shown.join(", ") + (more > 0 ? `, and ${more} more` : "");
}
