import { expect, test } from "vitest";
import { logText } from "./log.ts";

test("a log tells the causes, and none of the values that a query was given", () => {
  const cause = new Error("D1_ERROR: no such column");
  const text = logText(new Error("Failed query: select ?\nparams: 5f0c1d3e,secret", { cause }));
  expect(text).toContain("Failed query: select ?");
  expect(text).toContain("no such column");
  expect(text).not.toMatch(/5f0c1d3e|secret/);
});
