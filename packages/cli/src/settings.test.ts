import { expect, test } from "vitest";
import { type SettingFlags, settingsOf } from "./settings.ts";

const OFF = "off";

test.each<[SettingFlags, object]>([
  [{}, {}],
  [{ regions: "fra,iad" }, { regions: ["fra", "iad"] }],
  [{ regions: " fra , reg_1" }, { regions: ["fra", "reg_1"] }],
  [{ regions: "all" }, { regions: null }],
  [
    { regions: OFF, failover: OFF, affinity: OFF },
    { regions: null, failover: null, affinity: null },
  ],
  [
    { failover: "all", framework: "all" },
    { failover: ["all"], framework: "all" },
  ],
  [
    { failover: "iad,sin", releasePolicy: "quorum", affinity: "region" },
    { failover: ["iad", "sin"], releasePolicy: "quorum", affinity: "region" },
  ],
  [
    { rootDirectory: "apps/web", framework: "nextjs", nodeVersion: "22.x", outputDirectory: "dist" },
    { rootDirectory: "apps/web", framework: "nextjs", nodeVersion: "22.x", outputDirectory: "dist" },
  ],
  [
    { buildCommand: "npm run a, b", installCommand: "npm ci" },
    { buildCommand: "npm run a, b", installCommand: "npm ci" },
  ],
  [
    {
      rootDirectory: OFF,
      framework: OFF,
      buildCommand: OFF,
      installCommand: OFF,
      outputDirectory: OFF,
      nodeVersion: OFF,
    },
    {
      rootDirectory: null,
      framework: null,
      buildCommand: null,
      installCommand: null,
      outputDirectory: null,
      nodeVersion: null,
    },
  ],
])("%j", (flags, settings) => {
  expect(settingsOf(flags)).toEqual(settings);
});

test.each<[SettingFlags, string]>([
  [{ regions: "" }, "--regions"],
  [{ regions: "fra,,iad" }, "--regions"],
  [{ failover: "iad," }, "--failover"],
  [{ rootDirectory: "" }, "--root-directory"],
  [{ buildCommand: " " }, "--build-command"],
])("%j is refused: an empty text ends no setting", (flags, option) => {
  expect(() => settingsOf(flags)).toThrow(
    expect.objectContaining({
      code: "invalid_option",
      message: expect.stringContaining(option),
      fix: expect.stringContaining("off"),
    }),
  );
});
