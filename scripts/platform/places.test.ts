import { StartError } from "@cloudify/platform";
import { expect, test } from "vitest";
import { readPlaces } from "./places.ts";

test("one local region unless others are asked for, or none", () => {
  expect(readPlaces(undefined).map(({ name }) => name)).toEqual(["local"]);
  expect(readPlaces("")).toEqual([]);
  expect(readPlaces("fra, iad,sin").map(({ name }) => name)).toEqual(["fra", "iad", "sin"]);
  expect(readPlaces("attic@48.2/16.4")).toEqual([{ name: "attic", latitude: 48.2, longitude: 16.4 }]);
});

test.each(["nowhere", "fra,fra", "x@91/0", "x@0/181", "Fra", "x@1", "fra@/", "@1/1"])(
  "%s is refused in one line",
  (list) => {
    expect(() => readPlaces(list)).toThrow(StartError);
  },
);
