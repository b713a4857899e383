import { expect, test } from "vitest";
import { fromWorkload, toWorkload } from "./headers.ts";

/** Each answer of a workload is told from what stands before the ingress, and that is nothing a workload can say. */
const OURS = ["x-cloudify-ingress", "1"];

test("a workload can't say by itself that it has answered", () => {
  expect(fromWorkload(["X-Cloudify-Ingress", "mine"], "service", null)).toEqual(OURS);
});

test("what belongs to one connection goes no further, nor what it names as such", () => {
  const raw = [
    "Connection",
    "close, X-Hop",
    "x-hop",
    "1",
    "TE",
    "trailers",
    "Keep-Alive",
    "timeout=5",
    "A",
    "b",
  ];
  expect(toWorkload(raw, "service", null)).toEqual(["A", "b"]);
  expect(fromWorkload(raw, "functions", null)).toEqual(["A", "b", ...OURS]);
});

test("the ingress's key never reaches a customer's code", () => {
  const raw = ["X-Cloudify-Ingress-Key", "secret", "x-cloudify-function", "api/hello", "Cookie", "a=1"];
  expect(toWorkload(raw, "functions", null)).toEqual(["x-cloudify-function", "api/hello", "Cookie", "a=1"]);
  expect(toWorkload(raw, "service", null)).toEqual(["Cookie", "a=1"]);
});

test("a body of unknown length stays one, and an upgrade is asked for anew", () => {
  expect(toWorkload(["Transfer-Encoding", "chunked"], "service", null)).toEqual([
    "Transfer-Encoding",
    "chunked",
  ]);
  expect(toWorkload(["Connection", "Upgrade", "Upgrade", "websocket"], "service", "websocket")).toEqual([
    "Connection",
    "Upgrade",
    "Upgrade",
    "websocket",
  ]);
});

test("only the runtime can say a fault, and only one that there is; nobody says that it was cold", () => {
  const fault = ["x-cloudify-ingress-fault", "threw", "x-cloudify-cold", "cold 1"];
  expect(fromWorkload(fault, "functions", null)).toEqual(["x-cloudify-ingress-fault", "threw", ...OURS]);
  expect(fromWorkload(fault, "service", 7)).toEqual([...OURS, "x-cloudify-cold", "cold 7"]);
  expect(fromWorkload(["x-cloudify-ingress-fault", "made up"], "functions", null)).toEqual(OURS);
});

test("headers of one name stay several, in their order", () => {
  const raw = ["Set-Cookie", "a=1", "Set-Cookie", "b=2"];
  expect(fromWorkload(raw, "functions", null)).toEqual([...raw, ...OURS]);
});
