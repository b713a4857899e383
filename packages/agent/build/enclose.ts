/**
 * Keeps the tools of a build inside of it. They look for the project that they are in from a folder upwards, and what lies
 * above a build is not its own: by default the platform's checkout, where `npm install` would then be run.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isFile } from "@cloudify/builder/detect";
import type { Project } from "./project.ts";

type Enclosed = Pick<Project, "source" | "app" | "installIn" | "managed" | "settings">;

/** After what the project is was read, and its cache put back. @returns Variables for its commands. */
export async function enclose(project: Enclosed): Promise<Record<string, string>> {
  const { source, app, installIn, managed, settings } = project;
  const top = await topManifest(source, app);
  if (top === null) {
    // Above the source, in the job's own folder: inside, it would be part of what is built.
    await writeFile(join(dirname(source), "package.json"), `{"private":true}\n`);
    // npm stops at this too, so that what a command installs lies where functions find it.
    if (settings.installCommand !== null || settings.buildCommand !== null)
      await mkdir(join(app, "node_modules"), { recursive: true });
    return {};
  }
  const isBerry = managed.package === "@yarnpkg/cli-dist";
  if (!isBerry || (await isFile(join(installIn, "yarn.lock")))) return {};
  // From the second on, yarn takes the topmost package.json of all for the project's unless a lockfile comes before, and
  // refuses to make one where `CI` is set.
  await writeFile(join(top, "yarn.lock"), "");
  return { YARN_ENABLE_IMMUTABLE_INSTALLS: "false" };
}

/** The folder nearest to the source's root, from the project's up, that has a package.json. */
async function topManifest(source: string, app: string): Promise<string | null> {
  let top: string | null = null;
  for (let folder = app; ; folder = dirname(folder)) {
    if (await isFile(join(folder, "package.json"))) top = folder;
    if (folder === source) return top;
  }
}
