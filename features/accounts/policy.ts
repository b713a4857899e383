/** What a role may do, and what a token may give away. Scopes can only narrow a role. */
import type { Role, Scope } from "#core/contract.ts";

/** Lowest first. */
const ROLES: readonly Role[] = ["viewer", "developer", "admin", "owner"];

const VIEW: readonly Scope[] = [
  "teams:read",
  "projects:read",
  "deployments:read",
  "logs:read",
  "regions:read",
];
const DEVELOP: readonly Scope[] = [
  ...VIEW,
  "env:read",
  "tokens:read",
  "audit:read",
  "projects:write",
  "deployments:write",
  "blobs:write",
  "env:write",
];

const ALLOWED: Record<Role, readonly Scope[]> = {
  viewer: VIEW,
  developer: DEVELOP,
  admin: [...DEVELOP, "tokens:write", "regions:write"],
  owner: [...DEVELOP, "tokens:write", "regions:write", "teams:write"],
};

export interface Grant {
  role: Role;
  /** `null`: everything the role may do. */
  scopes: readonly Scope[] | null;
}

export const may = (grant: Grant, scope: Scope): boolean =>
  ALLOWED[grant.role].includes(scope) && (grant.scopes === null || grant.scopes.includes(scope));

/** Whether one role includes everything that another may do. */
export const includes = (role: Role, other: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(other);

/** Unix milliseconds; `null`: for good. */
type Lasting = Grant & { expiresAt: number | null };

/** Whether `wanted` would do more, or last longer, than what gives it. */
export function exceeds(wanted: Lasting, own: Lasting): boolean {
  if (!includes(own.role, wanted.role)) return true;
  if (own.scopes !== null && !(wanted.scopes?.every((scope) => may(own, scope)) ?? false)) return true;
  return own.expiresAt !== null && (wanted.expiresAt === null || wanted.expiresAt > own.expiresAt);
}
