import { expect, test } from "vitest";
import { compare, type Seen } from "./compare.ts";

const rules = { headers: ["content-type"], normalise: (body: string) => body.replace(/\d+/g, "N") };
const seen = (port: number, more: Partial<Seen> = {}, headers: [string, string][] = []): Seen => ({
  status: 200,
  body: "",
  origin: `http://app.localhost:${port}`,
  ...more,
  headers: new Headers(headers),
});
const what = (theirs: Seen, ours: Seen) => compare(theirs, ours, rules).map((one) => one.what);

test("origins, hashes and the spelling of a charset make no difference", () => {
  const one = seen(1, { body: "at http://app.localhost:1/x, build 7" }, [
    ["content-type", "text/html;charset=UTF-8"],
  ]);
  const two = seen(2, { body: "at http://app.localhost:2/x, build 9" }, [
    ["content-type", "text/html; charset=utf-8"],
  ]);
  expect(what(one, two)).toEqual([]);
});

test("status, cookies, listed headers and bodies do, where they part", () => {
  const one = seen(1, { body: "the same until here", status: 404 }, [
    ["set-cookie", "a=1"],
    ["set-cookie", "b=2"],
  ]);
  const two = seen(2, { body: "the same until there" }, [
    ["set-cookie", "a=1"],
    ["content-type", "a/b"],
  ]);
  expect(what(one, two)).toEqual(["status", "set-cookie", "content-type", "body"]);
  expect(compare(one, two, rules).at(-1)).toMatchObject({ theirs: "the same until here" });
});

test("a redirect's place counts, its body does not", () => {
  const to = (port: number, path: string, body = "") =>
    seen(port, { status: 307, body }, [["location", `http://app.localhost:${port}${path}`]]);
  expect(what(to(1, "/a", "go"), to(2, "/a"))).toEqual([]);
  expect(what(to(1, "/a"), to(2, "/b"))).toEqual(["location"]);
});
