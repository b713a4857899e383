import type { IngressFault } from "@cloudify/protocol";
import { describe, expect, test } from "vitest";
import { type Ending, endingOfStranger, isOfRegion, verdictOf } from "./failover.ts";

const METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH", "PURGE"];
const REPEATED = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"];
const fault = (one: IngressFault): Ending => ({ kind: "fault", fault: one });
const NOT_BEGUN: Ending[] = [
  { kind: "refused" },
  ...(["denied", "absent", "starting", "draining", "unreachable"] as const).map(fault),
];
const MAY_HAVE_BEGUN: Ending[] = [{ kind: "broken" }, { kind: "silent" }, { kind: "bad-gateway" }];
const BEGUN: Ending[] = [{ kind: "late" }, ...(["crashed", "threw", "timeout"] as const).map(fault)];

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

test("only connections and silence are a region's failure: what a function does is not", () => {
  for (const ending of [...NOT_BEGUN, ...MAY_HAVE_BEGUN, ...BEGUN])
    expect(isOfRegion(ending)).toBe(["refused", "broken", "silent"].includes(ending.kind));
});

test("of what Cloudflare's network says of an origin, only a connection that was never made counts as not begun", () => {
  const kinds = (statuses: number[]) => new Set(statuses.map((one) => endingOfStranger(one)?.kind));
  expect(kinds([521, 522, 523, 525, 526, 530])).toEqual(new Set(["refused"]));
  expect(kinds([520])).toEqual(new Set(["broken"]));
  expect(kinds([524])).toEqual(new Set(["silent"]));
});

test("of what a cluster's proxy says by itself, no route and no pod were never begun, a lost pod may have been", () => {
  expect(endingOfStranger(404)).toEqual(fault("absent"));
  expect(endingOfStranger(503)).toEqual(fault("unreachable"));
  for (const status of [500, 502, 504]) expect(endingOfStranger(status)).toEqual({ kind: "bad-gateway" });
});

test("no answer of a stranger is the function's, but what it says of the request itself", () => {
  const passed = Array.from({ length: 500 }, (_, i) => 100 + i).filter(
    (one) => endingOfStranger(one) === null,
  );
  expect(passed).toEqual([400, 413, 414, 431]);
});
