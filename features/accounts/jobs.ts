/** Forgets what idempotency keys no longer need. */
import { lt } from "drizzle-orm";
import type { Base } from "#core/ctx.ts";
import { DAY } from "#core/time.ts";
import { idempotency } from "./tables.ts";

export async function forgetKeys(base: Base): Promise<{ forgotten: number }> {
  const gone = await base.db
    .delete(idempotency)
    .where(lt(idempotency.createdAt, base.clock.now() - DAY))
    .returning({ key: idempotency.key });
  return { forgotten: gone.length };
}
