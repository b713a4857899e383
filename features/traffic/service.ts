/** Reading a project's traffic. */
import type { Ctx } from "#core/ctx.ts";
import { fromCursor, toPage } from "#core/page.ts";
import { getProject } from "#features/projects/service.ts";

export async function read(
  ctx: Ctx,
  project: string,
  input: { from: number; limit: number; cursor?: string | undefined },
) {
  const { id } = await getProject(ctx, project);
  const after = fromCursor(input.cursor);
  const from = after === null ? input.from : Number(after) + 1;
  const rows = await ctx.objects.traffic.get(ctx.objects.traffic.idFromName(id)).read(from, input.limit + 1);
  return toPage(
    rows,
    input.limit,
    ({ minute }) => minute,
    (shown) => shown,
  );
}
