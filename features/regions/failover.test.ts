import type { IngressFault } from "@cloudify/protocol";
import { describe, expect, test } from "vitest";
import { type Ending, verdictOf } from "./failover.ts";

const METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH", "PURGE"];
const REPEATED = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"];
const fault = (one: IngressFault): Ending => ({ kind: "fault", fault: one });
const NOT_BEGUN: Ending[] = [
  { kind: "refused" },
  ...(["absent", "starting", "draining", "unreachable"] as const).map(fault),
];
const MAY_HAVE_BEGUN: Ending[] = [{ kind: "broken" }, { kind: "silent" }];
const BEGUN: Ending[] = (["crashed", "threw", "timeout"] as const).map(fault);

describe.each(METHODS)("%s", (method) => {
  test("what never began goes on to the next region, whatever the method", () => {
    for (const ending of NOT_BEGUN) expect(verdictOf(ending, method, true)).toBe("next");
  });

  test("what may have begun is repeated only if the method is idempotent", () => {
    for (const ending of MAY_HAVE_BEGUN)
      expect(verdictOf(ending, method, true)).toBe(REPEATED.includes(method) ? "next" : "end");
  });

  test("what the function itself came to is the answer", () => {
    for (const ending of BEGUN) expect(verdictOf(ending, method, true)).toBe("end");
  });

  test("nothing is repeated whose body is gone", () => {
    for (const ending of [...NOT_BEGUN, ...MAY_HAVE_BEGUN, ...BEGUN])
      expect(verdictOf(ending, method, false)).toBe("end");
  });
});
