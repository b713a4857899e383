/** Which variables there may be, and which of them a deployment gets. Knows neither values' sealing nor stores. */

/** The platform sets these itself. */
const RESERVED = /^(?:CLOUDIFY|VERCEL)(?:_|$)|^(?:PORT|CRON_SECRET)$/i;

export const isReservedKey = (key: string): boolean => RESERVED.test(key);

/** Bytes of all names and values of one environment, in UTF-8. */
export const ENVIRONMENT_BYTES = 64 * 1024;

export interface Candidate {
  key: string;
  targets: readonly string[];
  /** Empty: every branch. */
  branch: string;
}

/** Those of a target; of two with one key, the one for the branch wins. In order of their keys. */
export function choose<T extends Candidate>(all: readonly T[], target: string, branch: string | null): T[] {
  const chosen = new Map<string, T>();
  for (const one of all) {
    if (!one.targets.includes(target) || (one.branch !== "" && one.branch !== branch)) continue;
    const other = chosen.get(one.key);
    if (!other || one.branch !== "") chosen.set(one.key, one);
  }
  return [...chosen.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

export interface Sized {
  key: string;
  /** Of the value, in UTF-8. */
  bytes: number;
}

/** Names are ASCII, so a character of one is a byte. */
export const sizeOf = (environment: readonly Sized[]): number =>
  environment.reduce((sum, { key, bytes }) => sum + key.length + bytes, 0);
