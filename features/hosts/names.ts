/** Hostnames of projects and deployments: pure, within DNS's limits, and never telling one team of another's. */
import { base32 } from "#core/ids.ts";

/** RFC 1035, 2.3.4. */
export const LABEL_LIMIT = 63;

/** Names that would be mistaken for the platform's own. */
const RESERVED = new Set(["admin", "api", "cloudify", "console", "dashboard", "localhost", "www"]);

export const isReserved = (name: string): boolean => RESERVED.has(name);

/** Letters, digits and single hyphens; empty when nothing of it is left. */
export function slugOf(text: string, limit: number): string {
  const slug = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, limit);
  return slug.replace(/-+$/, "");
}

const cut = (slug: string, limit: number): string => slug.slice(0, limit).replace(/-+$/, "");

/** In order of preference; the first that is free is taken. */
export const productionLabels = (project: string, team: string, id: string): string[] => [
  project,
  cut(`${project}-${team}`, LABEL_LIMIT),
  `${cut(project, 40)}-${id.slice(-10)}`,
];

/** Digits of the digest in a label: the shortest that nobody else has is taken. */
const DIGITS = [4, 8, 12] as const;

/**
 * In order of preference; each is a label of at most 62 octets.
 *
 * @param digest Hex digits of a digest of project id and branch, so that branches that look alike differ.
 */
export function branchLabels(project: string, branch: string, digest: string): string[] {
  const name = slugOf(branch, 20);
  const middle = name === "" ? "" : `${name}-`;
  return DIGITS.map((digits) => `${cut(project, 24)}-git-${middle}${digest.slice(0, digits)}`);
}

/**
 * In order of preference; each is a label of at most 63 octets.
 *
 * @param digest Hex digits of a digest of project id and environment.
 */
export const environmentLabels = (project: string, environment: string, digest: string): string[] =>
  DIGITS.map(
    (digits) => `${cut(project, 40 - digits)}-env-${cut(environment, 16)}-${digest.slice(0, digits)}`,
  );

/**
 * The pointer's target for a branch. Longer than any label of it, so that hundreds of branches that begin alike
 * (`dependabot/npm_and_yarn/…`) never share a pointer.
 *
 * @param digest Hex digits of a digest of project id and branch.
 */
export const branchTarget = (branch: string, digest: string): string =>
  `branch:${[slugOf(branch, 40), digest.slice(0, 12)].filter((part) => part !== "").join("-")}`;

/** @param bytes Seven random bytes: ten characters of five bits. */
export const immutableLabel = (project: string, bytes: Uint8Array): string =>
  `${cut(project, 40)}-${base32(bytes).slice(0, 10)}`;
