import fc from "fast-check";
import { expect, test } from "vitest";
import { Shares } from "./shares.ts";

test("never more than there is, whoever comes in whatever order, and everyone is served", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(150), { maxLength: 30 }), fc.scheduler(), async (sizes, scheduler) => {
      const shares = new Shares(100);
      let held = 0;
      const all = sizes.map(async (bytes) => {
        const giveBack = await shares.take(bytes);
        held += Math.min(bytes, 100);
        expect(held).toBeLessThanOrEqual(100);
        await scheduler.schedule(Promise.resolve());
        held -= Math.min(bytes, 100);
        giveBack();
      });
      await scheduler.waitFor(Promise.all(all));
      expect(held).toBe(0);
    }),
  );
});
