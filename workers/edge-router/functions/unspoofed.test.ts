import { expect, test } from "vitest";
import { unspoofed } from "./unspoofed.ts";

const OWN = {
  rsc: "1",
  "next-router-prefetch": "1",
  "next-router-state-tree": "x",
  "x-nextjs-data": "1",
  "x-middleware-prefetch": "1",
};

test("what frameworks tell themselves is not taken from a visitor; what browsers send is", () => {
  const internal = ["x-middleware-set-cookie", "X-Now-Route-Matches", "x-matched-path", "next-resume"];
  const spoofed = Object.fromEntries(internal.map((name) => [name, "mine"]));
  const given = new Request("http://site.test/", {
    method: "POST",
    body: "text",
    headers: { ...OWN, ...spoofed },
  });
  const heard = unspoofed(given);
  expect(Object.fromEntries(heard.headers)).toMatchObject(OWN);
  for (const name of internal) expect(heard.headers.has(name)).toBe(false);
  expect(heard.method).toBe("POST");
});

test("a request with nothing of the kind stays the one it is", () => {
  const given = new Request("http://site.test/", { headers: OWN });
  expect(unspoofed(given)).toBe(given);
});
