import { expect, test } from "vitest";
import { inspect } from "./gate-rules.ts";

const hosts = new Set(["localhost:8787"]);
const ask = (headers: Record<string, string>, url = "http://a.localhost:8787/", isTest = false) =>
  inspect(new URL(url), new Headers(headers), "203.0.113.9", hosts, isTest);

test.each([
  "mf-route-override",
  "mf-cf-blob",
  "mf-original-url",
  "cf-connecting-ip",
  "cf-ipcountry",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-real-ip",
  "x-vercel-ip-country",
  "x-cloudify-test-cf",
  "forwarded",
])("%s from outside is dropped", (name) => {
  const verdict = ask({ [name]: '{"country":"XX"}', "x-mine": "1" });
  if (!verdict.ok) throw new Error("refused");
  expect(verdict.headers.get("x-mine")).toBe("1");
  expect(verdict.headers.get(name)).toBe(name === "cf-connecting-ip" ? "203.0.113.9" : null);
  expect(verdict.cf).toEqual({ clientAcceptEncoding: "" });
});

test("the client's own encodings are kept apart from what the runtime rewrites", () => {
  expect(ask({ "accept-encoding": "zstd" })).toMatchObject({ cf: { clientAcceptEncoding: "zstd" } });
});

test("hosts tell the API from deployments", () => {
  expect(ask({}, "http://localhost:8787/api/health")).toMatchObject({ to: "api" });
  expect(ask({}, "http://LOCALHOST:8787/")).toMatchObject({ to: "api" });
  expect(ask({}, "http://a.localhost:8787/")).toMatchObject({ to: "edge" });
  expect(ask({}, "http://localhost:9999/")).toMatchObject({ to: "edge" });
});

test.each([
  ["connection", "x-a, cf-connecting-ip"],
  ["keep-alive", "timeout=5"],
  ["te", "trailers"],
  ["upgrade", "h2c"],
])("%s ends with the client's connection", (name, value) => {
  const verdict = ask({ [name]: value });
  expect(verdict.ok && verdict.headers.get(name)).toBe(null);
});

test("a WebSocket is asked for as it was", () => {
  const verdict = ask({ upgrade: "WebSocket", connection: "Upgrade", "sec-websocket-protocol": "chat" });
  expect(verdict.ok && verdict.headers.get("upgrade")).toBe("WebSocket");
  expect(verdict.ok && verdict.headers.get("sec-websocket-protocol")).toBe("chat");
});

test.each(["A.localhost:8787", "x@a.localhost:8787", "a.localhost:8787/path?"])(
  "the host %s is told as it is read",
  (host) => {
    const verdict = ask({ host }, `http://${host}/`);
    expect(verdict.ok && verdict.headers.get("host")).toBe("a.localhost:8787");
  },
);

test("only a test may say where it is", () => {
  const header = { "x-cloudify-test-cf": '{"latitude":1.5,"country":"DE","colo":"FRA"}' };
  expect(ask(header, undefined, true)).toMatchObject({ cf: { latitude: "1.5", country: "DE" } });
  expect(ask({ "x-cloudify-test-cf": "{" }, undefined, true)).toMatchObject({ ok: true });
});

test("what is too large is refused before anything reads it", () => {
  expect(ask({ "x-a": "a".repeat(33_000) })).toMatchObject({ ok: false, status: 431 });
  expect(ask({}, `http://a.localhost/${"a".repeat(17_000)}`)).toMatchObject({ ok: false, status: 414 });
});
