/** A deployment as callers see it. */
import { and, eq } from "drizzle-orm";
import { addressOf, type Base } from "#core/ctx.ts";
import { isOneOf } from "#core/sql.ts";
import { hosts } from "#features/hosts/tables.ts";
import { pointers } from "#features/pointers/tables.ts";
import { projects } from "#features/projects/tables.ts";
import type { RegionAnswer } from "./rpc.ts";
import type { deployments } from "./tables.ts";

export type DeploymentRow = typeof deployments.$inferSelect;

/** @param rows All of one team. */
export async function show(base: Base, rows: readonly DeploymentRow[]) {
  if (rows.length === 0) return [];
  const projectIds = [...new Set(rows.map((row) => row.projectId))];
  const targets = [...new Set(rows.flatMap((row) => row.pointerTargets))];
  const ids = rows.map((row) => row.id);
  const [named, live, owners] = await Promise.all([
    base.db
      .select()
      .from(hosts)
      .where(
        and(isOneOf(hosts.projectId, projectIds), eq(hosts.kind, "pointer"), isOneOf(hosts.ref, targets)),
      ),
    base.db
      .select()
      .from(pointers)
      .where(and(isOneOf(pointers.projectId, projectIds), isOneOf(pointers.liveDeployment, ids))),
    base.db
      .select({ id: projects.id, name: projects.name })
      .from(projects)
      .where(isOneOf(projects.id, projectIds)),
  ]);
  return rows.map((row) =>
    shape(base, row, {
      project: owners.find((one) => one.id === row.projectId)?.name ?? "",
      aliases: row.pointerTargets.flatMap((target) =>
        named
          .filter((host) => host.projectId === row.projectId && host.ref === target)
          .map((host) => host.hostname),
      ),
      liveOn: live.filter((one) => one.liveDeployment === row.id).map((one) => one.target),
    }),
  );
}

interface About {
  /** Its name. */
  project: string;
  /** Hostnames of the pointers that it takes. */
  aliases: string[];
  liveOn: string[];
}

export const shape = (base: Base, row: DeploymentRow, { project, aliases, liveOn }: About) => ({
  id: row.id,
  projectId: row.projectId,
  project,
  teamId: row.teamId,
  state: row.status,
  error:
    row.errorCode === null
      ? null
      : { code: row.errorCode, detail: row.errorDetail ?? "", fix: row.errorFix ?? "" },
  target: row.target,
  url: addressOf(base, row.hostname),
  aliases: aliases.map((hostname) => addressOf(base, hostname)),
  liveOn,
  git: row.git,
  fileCount: row.fileCount,
  bytes: row.bytes,
  source: row.source !== null,
  regions: [] as RegionAnswer[],
  redeployOf: row.redeployOf,
  createdBy: row.createdBy,
  createdAt: row.createdAt,
  readyAt: row.readyAt,
});
