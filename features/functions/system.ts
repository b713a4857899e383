/** What the platform adds to each function's environment; names as on Vercel, so that code moves as it is. */

export interface About {
  deployment: string;
  project: string;
  /** Host of the deployment itself; in development that of the request. */
  url: string;
  /** production, preview, development, or a custom environment. */
  target: string;
  branch: string | null;
}

export function systemVariables({ deployment, project, url, target, branch }: About): Record<string, string> {
  const pairs: [string, string][] = [
    ["DEPLOYMENT_ID", deployment],
    ["PROJECT_ID", project],
    ["URL", url],
    ["ENV", target === "production" || target === "development" ? target : "preview"],
    ["TARGET_ENV", target],
    ["REGION", "edge"],
    ...(branch === null ? [] : [["GIT_COMMIT_REF", branch] as [string, string]]),
  ];
  const both = pairs.flatMap(([name, value]) => [
    [`CLOUDIFY_${name}`, value],
    [`VERCEL_${name}`, value],
  ]);
  return { ...Object.fromEntries(both), CLOUDIFY: "1", VERCEL: "1", NODE_ENV: "production" };
}
