import { StartError } from "@cloudify/platform";
import { expect, test } from "vitest";
import { environmentsOf } from "./agent-environment.ts";

const given = {
  PATH: "/bin",
  CLOUDIFY_METRICS_PORT: "9090",
  CLOUDIFY_INGRESS_ORIGIN: "https://one.example",
};

test("one agent gets all that is there", () => {
  expect(environmentsOf(given, 1)).toEqual([given]);
  expect(environmentsOf({ PATH: "/bin" }, 1)).toEqual([{ PATH: "/bin" }]);
});

test("several get a port each for their numbers, and no origin", () => {
  expect(environmentsOf(given, 3)).toEqual([
    { PATH: "/bin", CLOUDIFY_METRICS_PORT: "9090" },
    { PATH: "/bin", CLOUDIFY_METRICS_PORT: "9091" },
    { PATH: "/bin", CLOUDIFY_METRICS_PORT: "9092" },
  ]);
  expect(environmentsOf({ PATH: "/bin" }, 2)).toEqual([{ PATH: "/bin" }, { PATH: "/bin" }]);
  expect(environmentsOf(given, 0)).toEqual([]);
});

test("0 is any port, for each", () => {
  const ports = environmentsOf({ CLOUDIFY_METRICS_PORT: "0" }, 2).map((env) => env.CLOUDIFY_METRICS_PORT);
  expect(ports).toEqual(["0", "0"]);
});

test("a port that not all of them can have is refused in one line", () => {
  expect(environmentsOf({ CLOUDIFY_METRICS_PORT: "65535" }, 1)).toHaveLength(1);
  for (const wrong of ["65535", "-1", "x", "1.5"])
    expect(() => environmentsOf({ CLOUDIFY_METRICS_PORT: wrong }, 2)).toThrow(StartError);
});
