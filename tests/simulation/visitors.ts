/** Visitors: one asks after the other, at the router where it is, or with the id that it was given at any of them. */
import type { Router, Session } from "./router.ts";
import type { World } from "./world.ts";

export async function visit(
  { api, chance }: World,
  name: string,
  { router, isPinned }: { router: () => Router; isPinned: boolean },
): Promise<void> {
  let session: Session = { name, deployment: null, order: 0 };
  for (let count = 1; ; count++) {
    await api.clock.wait(chance.between(500, 3_000));
    if (!isPinned) session.deployment = null;
    // It is loaded anew: another page, which begins with whatever it is given.
    else if (chance.happens(0.1)) session = { name: `${name} ${count}`, deployment: null, order: 0 };
    await router().request(session);
  }
}
