/** Outputs with edge functions, written where a test wants them. */
import type { Client, Deployment } from "@cloudify/sdk";
import { deployTree, tree } from "./sites.ts";

/** The files of one edge function. */
export const edge = (
  name: string,
  code: string,
  more: Record<string, string> = {},
): Record<string, string> => ({
  [`functions/${name}.func/.vc-config.json`]: JSON.stringify({ runtime: "edge", entrypoint: "index.js" }),
  [`functions/${name}.func/index.js`]: code,
  ...Object.fromEntries(Object.entries(more).map(([path, text]) => [`functions/${name}.func/${path}`, text])),
});

/** Deploys functions by their names to production. @throws Unless it becomes ready. */
export async function deployFunctions(
  client: Client,
  project: string,
  functions: Record<string, string>,
  config: object = {},
  files: Record<string, string> = {},
): Promise<Deployment> {
  const all = Object.entries(functions).map(([name, code]) => edge(name, code));
  const output = { ...tree(files, config), ...Object.assign({}, ...all) } as Record<string, string>;
  const done = await deployTree(client, project, output, { target: "production" });
  if (done.state !== "ready") throw new Error(`${done.state}: ${JSON.stringify(done.error)}`);
  return done;
}
