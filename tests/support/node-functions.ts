/** Outputs with functions for Node.js, that are run by agents as they are: nothing has to be installed or built. */
import type { Client, Deployment } from "@cloudify/sdk";
import { deployTree, tree } from "./sites.ts";

/** The files of one. @param code A CommonJS module. */
export const node = (name: string, code: string, more: object = {}): Record<string, string> => ({
  [`functions/${name}.func/.vc-config.json`]: JSON.stringify({
    runtime: "nodejs24.x",
    handler: "index.js",
    launcherType: "Nodejs",
    ...more,
  }),
  [`functions/${name}.func/index.js`]: code,
});

/** Deploys functions by their names to production. @throws Unless it becomes ready. */
export async function deployNode(
  client: Client,
  project: string,
  functions: Record<string, string>,
  files: Record<string, string> = {},
): Promise<Deployment> {
  const all = Object.entries(functions).map(([name, code]) => node(name, code));
  const output = { ...tree(files), ...Object.assign({}, ...all) } as Record<string, string>;
  const done = await deployTree(client, project, output, { target: "production" });
  if (done.state !== "ready") throw new Error(`${done.state}: ${JSON.stringify(done.error)}`);
  return done;
}
