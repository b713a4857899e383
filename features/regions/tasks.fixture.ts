/** For tests of whoever handles builds. */
import { type BuildTask, NO_BUILD_SETTINGS } from "@cloudify/protocol";

/** A build as a region is offered it. */
export const buildTask = (deployment: string, attempt = 1): BuildTask => ({
  kind: "build",
  id: `build.${deployment}`,
  attempt,
  team: "team_1",
  project: "prj_1",
  projectName: "p",
  deployment,
  source: "s",
  target: "preview",
  branch: null,
  settings: NO_BUILD_SETTINGS,
  url: "u",
  limitMs: 1,
});
