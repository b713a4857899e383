import fc from "fast-check";
import { expect, test } from "vitest";
import { ownersOf } from "./events.ts";
import { judge } from "./fence.ts";
import { quantity } from "./load.ts";
import { labelValue, nameOf } from "./names.ts";

const ids = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.stringMatching(/^dpl_[0-9A-Z]{26}\.[a-z0-9]{1,80}$/),
);

test("names of objects are names of Services, leave room for those of pods, and differ as ids do", () => {
  fc.assert(
    fc.property(ids, (id) => {
      expect(nameOf(id)).toMatch(/^[a-z]([-a-z0-9]*[a-z0-9])?$/);
      expect(nameOf(id).length).toBeLessThanOrEqual(46);
      expect(labelValue(id)).toMatch(/^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/);
    }),
  );
  expect(nameOf("dpl_A.node")).not.toBe(nameOf("dpl_a.node"));
});

test("what a workload's pod is called leads to the workload's name", () => {
  const name = nameOf("dpl_1.node");
  for (const one of [name, `${name}-5d4f8`, `${name}-5d4f8-x2x4z`]) expect(ownersOf(one)).toContain(name);
});

test("older in either part is older, and what bears no stamp of ours is not ours", () => {
  const stamp = fc.record({ epoch: fc.nat(), generation: fc.nat() });
  const labels = { "app.kubernetes.io/managed-by": "cloudify-agent" };
  fc.assert(
    fc.property(stamp, stamp, (held, next) => {
      const annotations = {
        "cloudify.dev/epoch": String(held.epoch),
        "cloudify.dev/generation": String(held.generation),
      };
      const isOlder = next.epoch < held.epoch || next.generation < held.generation;
      const verdict = judge({ metadata: { name: "x", labels, annotations } }, next);
      expect(verdict).toBe(isOlder ? "fenced" : "write");
      expect(judge({ metadata: { name: "x", annotations } }, next)).toBe("foreign");
      expect(judge({ metadata: { name: "x", labels } }, next)).toBe("foreign");
    }),
  );
  expect(judge(null, { epoch: 0, generation: 0 })).toBe("write");
});

test("quantities are numbers", () => {
  expect(["250m", "2", "1.5", "1Gi", "128Mi", "1k", "", "x"].map(quantity)).toEqual([
    0.25,
    2,
    1.5,
    2 ** 30,
    2 ** 27,
    1_000,
    0,
    0,
  ]);
});
