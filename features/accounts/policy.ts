/** What a role may do. A token's own scopes can only narrow it. */
import type { Role } from "#core/ctx.ts";

export const ROLES: readonly Role[] = ["viewer", "developer", "admin", "owner"];

const READ = [
  "teams:read",
  "projects:read",
  "deployments:read",
  "logs:read",
  "env:read",
  "tokens:read",
  "audit:read",
];
const DEVELOP = [...READ, "projects:write", "deployments:write", "blobs:write", "env:write"];

const ALLOWED: Record<Role, readonly string[]> = {
  viewer: ["teams:read", "projects:read", "deployments:read", "logs:read"],
  developer: DEVELOP,
  admin: [...DEVELOP, "tokens:write"],
  owner: [...DEVELOP, "tokens:write", "teams:write"],
};

export const may = (token: { role: Role; scopes: readonly string[] | null }, scope: string): boolean =>
  ALLOWED[token.role].includes(scope) && (token.scopes === null || token.scopes.includes(scope));

/** Whether one role includes everything that another may do. */
export const includes = (role: Role, other: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(other);
