/** A deployment as callers see it. */
import { and, eq, inArray } from "drizzle-orm";
import { addressOf, type Base } from "#core/ctx.ts";
import { hosts } from "#features/hosts/tables.ts";
import { pointers } from "#features/pointers/tables.ts";
import { projects } from "#features/projects/tables.ts";
import type { deployments } from "./tables.ts";

export type DeploymentRow = typeof deployments.$inferSelect;

/** @param rows All of one team. */
export async function show(base: Base, rows: readonly DeploymentRow[]) {
  const ids = [...new Set(rows.map((row) => row.projectId))];
  if (ids.length === 0) return [];
  const [named, live, owners] = await Promise.all([
    base.db
      .select()
      .from(hosts)
      .where(and(inArray(hosts.projectId, ids), eq(hosts.kind, "pointer"))),
    base.db.select().from(pointers).where(inArray(pointers.projectId, ids)),
    base.db.select({ id: projects.id, name: projects.name }).from(projects).where(inArray(projects.id, ids)),
  ]);
  return rows.map((row) => {
    const {
      id,
      projectId,
      teamId,
      target,
      git,
      fileCount,
      bytes,
      redeployOf,
      createdBy,
      createdAt,
      readyAt,
    } = row;
    const aliases = row.pointerTargets.flatMap((of) =>
      named
        .filter((host) => host.projectId === projectId && host.ref === of)
        .map((host) => addressOf(base, host.hostname)),
    );
    const isFailed = row.errorCode !== null;
    return {
      id,
      projectId,
      project: owners.find((one) => one.id === projectId)?.name ?? "",
      teamId,
      state: row.status,
      error: isFailed
        ? { code: row.errorCode ?? "", detail: row.errorDetail ?? "", fix: row.errorFix ?? "" }
        : null,
      target,
      url: addressOf(base, row.hostname),
      aliases,
      liveOn: live.filter((one) => one.liveDeployment === id).map((one) => one.target),
      git,
      fileCount,
      bytes,
      redeployOf,
      createdBy,
      createdAt,
      readyAt,
    };
  });
}
