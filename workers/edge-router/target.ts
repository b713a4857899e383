/** Host → what is served there now: which release of which project, and under which policy. */
import { Problem } from "#core/problem.ts";
import { releaseFor, VISITOR_COOKIE } from "#features/pointers/bucket.ts";
import { isLater, known, type Pointer, type Release } from "#features/pointers/machine.ts";
import type { Policy } from "#features/projects/policy.ts";
import { findDeployment } from "./resolution/deployments.ts";
import { findHost } from "./resolution/hosts.ts";
import { findPointer } from "./resolution/pointers.ts";
import { findPolicy } from "./resolution/policies.ts";
import type { Scope } from "./scope.ts";

export interface Target {
  team: string;
  project: string;
  deployment: string;
  /** Digest of the site. */
  site: string;
  /** Unix milliseconds. */
  createdAt: number;
  isProduction: boolean;
  policy: Policy;
  /** Set while a rollout is under way, for a visitor who has no name yet: what its cookie is to say. */
  visitor?: string;
}

/** @returns What to serve, or the problem to answer with. */
export async function findTarget(scope: Scope, request: Request, url: URL): Promise<Target | Problem> {
  const { DEVELOPMENT_HOST } = scope.env;
  const host =
    (await findHost(scope, url.hostname)) ??
    (DEVELOPMENT_HOST === undefined ? null : await findHost(scope, DEVELOPMENT_HOST));
  if (!host) {
    return new Problem("not_found", `Nothing is deployed at ${url.hostname}.`, {
      fix: "Check the address, or deploy something to it with `cloudify deploy`.",
    });
  }
  const { team, project } = host;
  const policy = await findPolicy(scope, project);
  if (host.kind === "deployment") {
    const found = await findDeployment(scope, host.ref);
    if (!("served" in found)) return notServed(found.state);
    const { id, site, createdAt } = found.served;
    return { team, project, deployment: id, site, createdAt, isProduction: false, policy };
  }
  const pointer = await findPointer(scope, project, host.ref);
  const asked = askedFor(request, url);
  const pinned = pointer && asked !== undefined ? await pin(scope, pointer, project, host.ref, asked) : null;
  const chosen = pointer && !pinned ? choose(pointer, request) : null;
  const release = pinned ?? chosen?.release;
  if (!release) return notServed(null);
  const isProduction = host.ref === "production";
  return {
    team,
    project,
    deployment: release.deployment,
    site: release.site,
    createdAt: release.createdAt,
    isProduction,
    policy,
    ...(chosen?.isNew ? { visitor: chosen.visitor } : {}),
  };
}

/** While two deployments share the visitors, each keeps to one of them by a name of its own. */
function choose({ live, canary }: Pointer, request: Request) {
  if (!canary || !live) return { release: live, visitor: "", isNew: false };
  const named = VISITOR.exec(request.headers.get("cookie") ?? "")?.[1];
  const visitor = named ?? crypto.randomUUID();
  return { release: releaseFor(live, canary, visitor), visitor, isNew: named === undefined };
}

const VISITOR = new RegExp(`(?:^|;\\s*)${VISITOR_COOKIE}=([\\w-]{1,64})(?:;|$)`);

const DEPLOYMENT_ID = /^dpl_[0-9a-z]{26}$/;

/** Skew protection: the deployment that the client was given before. */
function askedFor(request: Request, url: URL): string | undefined {
  const asked =
    request.headers.get("x-deployment-id") ?? (url.search === "" ? null : url.searchParams.get("dpl"));
  return asked ?? /(?:^|;\s*)__vdpl=([^;]+)/.exec(request.headers.get("cookie") ?? "")?.[1];
}

/**
 * The client stays with it, if the pointer knows it. Another router may have known it before this one: then it is found
 * by itself, and only if it was made for this target.
 */
async function pin(
  scope: Scope,
  pointer: Pointer,
  project: string,
  target: string,
  id: string,
): Promise<Release | undefined> {
  const release = known(pointer, id);
  if (release || !DEPLOYMENT_ID.test(id) || !isLater(pointer, id)) return release;
  // What can't be asked at the moment is not waited for: what is live is as good as for a client without an id.
  const found = await findDeployment(scope, id).catch(() => null);
  if (found === null || !("served" in found)) return undefined;
  const { served } = found;
  if (served.project !== project || served.target !== target) return undefined;
  return { deployment: id, site: served.site, createdAt: served.createdAt };
}

function notServed(state: string | null): Problem {
  switch (state) {
    case "error":
    case "canceled":
      return new Problem("not_found", `This deployment ended as ${state} and serves nothing.`, {
        fix: "Look at its log with `cloudify logs`, then deploy again.",
      });
    case null:
      return new Problem("not_found", "There is no deployment to serve here.", {
        fix: "Deploy to this address, or promote a deployment to it.",
      });
    default:
      return new Problem("unavailable", `This deployment is not ready yet: it is ${state}.`, {
        fix: "Try again in a moment; `cloudify inspect` tells how far it is.",
      });
  }
}
