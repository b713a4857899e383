import { expect, test } from "vitest";
import { Fields, type HeaderList } from "#core/headers.ts";
import { withHeaders } from "./answer.ts";

const LIST: HeaderList = [
  ["set-cookie", "a=1; Path=/"],
  ["set-cookie", "b=2"],
  ["x-own", "of a route"],
  ["x-firm", "of a route"],
];
const SAID: HeaderList = [
  ["set-cookie", "a=1; Path=/"],
  ["set-cookie", "c=3"],
  ["x-own", "of the function"],
  ["x-firm", "of the function"],
];

test.each([
  ["that is there", () => new Response("x", { headers: SAID as [string, string][] })],
  [
    "that is still made",
    () => ({ status: 200, headers: new Fields(SAID), body: null, encodeBody: "manual" as const }),
  ],
])("to an answer %s routes add what it does not say; a cookie stands there once", (_, made) => {
  const { headers } = withHeaders(made(), LIST, new Set(["x-firm"]));
  expect(headers.getSetCookie()).toEqual(["a=1; Path=/", "c=3", "b=2"]);
  expect([headers.get("x-own"), headers.get("x-firm")]).toEqual(["of the function", "of a route"]);
});
