import fc from "fast-check";
import { expect, test } from "vitest";
import {
  branchLabel,
  environmentLabel,
  immutableLabel,
  LABEL_LIMIT,
  productionLabels,
  slugOf,
} from "./names.ts";

/** RFC 1123, 2.1: letters, digits and hyphens, no hyphen at an end. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const slug = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$/);
const digest = fc.stringMatching(/^[0-9a-f]{64}$/);
const bytes = fc.uint8Array({ minLength: 7, maxLength: 7 });

test("every name is a label that DNS takes", () => {
  fc.assert(
    fc.property(slug, slug, fc.string(), digest, bytes, (project, team, branch, hash, random) => {
      for (const label of [
        ...productionLabels(project, team, "prj_0123456789abcdefghjkmnpqrs"),
        branchLabel(project, branch, hash),
        environmentLabel(project, "staging", hash),
        immutableLabel(project, random),
      ]) {
        expect(label).toMatch(LABEL);
        expect(label.length).toBeLessThanOrEqual(LABEL_LIMIT);
      }
    }),
    { numRuns: 5_000 },
  );
});

test.each([
  ["feature/New_Thing!", "feature-new-thing"],
  ["déjà vu", "de-ja-vu"],
  ["日本語", ""],
  ["--x--", "x"],
])("%s becomes %s", (text, expected) => expect(slugOf(text, 40)).toBe(expected));
