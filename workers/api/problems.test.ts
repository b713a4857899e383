import { expect, test } from "vitest";
import { Problem } from "#core/problem.ts";
import { findFullDisk } from "./disk.ts";
import { toProblem } from "./problems.ts";

const diskWith = (free: unknown) => ({ fetch: async () => Response.json({ free }) });
const absent = { fetch: () => Promise.reject(new Error("gone")) };

/** As drizzle throws it: what D1 said stands below. */
const failed = (said: string) => new Error("Failed query: insert …", { cause: new Error(said) });

test.each(["D1_ERROR: database or disk is full: SQLITE_FULL", "D1_ERROR: Exceeded maximum DB size."])(
  "what D1 says when it is full is a lack of space: %s",
  (said) => {
    const problem = toProblem(failed(said));
    expect([problem.status, problem.code]).toEqual([507, "insufficient_storage"]);
    expect(problem.fix).toContain("space");
  },
);

test("what workerd says instead is one only where the disk is full", async () => {
  const problem = toProblem(failed("internal error; reference = f6k19ro86mr6mac4j91d0fh3"));
  expect(problem.code).toBe("internal");
  expect((await findFullDisk(problem, diskWith(0))).status).toBe(507);
  const unavailable = new Problem("unavailable", "The store did not take the bytes.");
  expect(await findFullDisk(unavailable, diskWith(65_536))).toMatchObject({
    code: "insufficient_storage",
    cause: unavailable,
  });
  for (const disk of [diskWith(2 ** 30), diskWith("much"), absent, undefined]) {
    expect(await findFullDisk(problem, disk)).toBe(problem);
  }
});

test("what the caller got wrong stays that, however full the disk is", async () => {
  const problem = new Problem("not_found", "There is no project.");
  expect(await findFullDisk(problem, diskWith(0))).toBe(problem);
});
