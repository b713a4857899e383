import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  branchLabels,
  branchTarget,
  environmentLabels,
  immutableLabel,
  LABEL_LIMIT,
  productionLabels,
  slugOf,
} from "./names.ts";

/** RFC 1123, 2.1: letters, digits and hyphens, no hyphen at an end. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const slug = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$/);
const branch = fc.oneof(
  fc.string({ unit: "binary", maxLength: 250 }),
  fc.stringMatching(/^[A-Za-z0-9/_.-]{1,80}$/),
);
const environment = fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/);
const digest = fc.stringMatching(/^[0-9a-f]{64}$/);
const bytes = fc.uint8Array({ minLength: 7, maxLength: 7 });

test("every name is a label that DNS takes", () => {
  fc.assert(
    fc.property(
      slug,
      slug,
      branch,
      environment,
      digest,
      bytes,
      (project, team, name, target, hash, random) => {
        for (const label of [
          ...productionLabels(project, team, "prj_0123456789abcdefghjkmnpqrs"),
          ...branchLabels(project, name, hash),
          ...environmentLabels(project, target, hash),
          immutableLabel(project, random),
        ]) {
          expect(label).toMatch(LABEL);
          expect(label.length).toBeLessThanOrEqual(LABEL_LIMIT);
        }
      },
    ),
    { numRuns: 10_000 },
  );
});

test.each([
  ["feature/New_Thing!", "feature-new-thing"],
  ["déjà vu", "de-ja-vu"],
  ["日本語", ""],
  ["--x--", "x"],
])("%s becomes %s", (text, expected) => expect(slugOf(text, 40)).toBe(expected));

test("other names follow when one is taken, and none is given twice", () => {
  fc.assert(
    fc.property(slug, branch, environment, digest, (project, name, target, hash) => {
      for (const labels of [branchLabels(project, name, hash), environmentLabels(project, target, hash)]) {
        expect(new Set(labels).size).toBe(labels.length);
      }
    }),
  );
});

test("branches that begin alike do not share a pointer, however many there are", () => {
  const branches = Array.from({ length: 5_000 }, (_, i) => `dependabot/npm_and_yarn/left-pad-${i}.0.0`);
  const targets = branches.map((name) => branchTarget(name, createHash("sha256").update(name).digest("hex")));
  expect(new Set(targets).size).toBe(branches.length);
});
