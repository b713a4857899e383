/** The variables of a process of functions. */

interface Place {
  region: string;
  deployment: string;
  port: number;
}

/**
 * What the project says goes before what the builder of a function says; what the platform says of this place goes before
 * both. Names as on Vercel stand beside ours, so that code moves as it is.
 *
 * @param given What the process was started with: the project's variables and the platform's.
 * @param built See `NodeFunction.environment`.
 * @returns What is to be set in `process.env`.
 */
export function variablesOf(
  given: Readonly<Record<string, string | undefined>>,
  built: Readonly<Record<string, string>>,
  { region, deployment, port }: Place,
): Record<string, string> {
  const place = {
    CLOUDIFY_REGION: region,
    VERCEL_REGION: region,
    NOW_REGION: region,
    CLOUDIFY_DEPLOYMENT_ID: deployment,
    VERCEL_DEPLOYMENT_ID: deployment,
    PORT: String(port),
  };
  const twins = Object.entries(given).flatMap(([name, value]) =>
    name.startsWith("CLOUDIFY_") && TWINS.has(name.slice("CLOUDIFY_".length)) && value !== undefined
      ? [[name.replace("CLOUDIFY_", "VERCEL_"), value]]
      : [],
  );
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...USUAL, ...built, ...Object.fromEntries(twins), ...said, ...place };
}

/** What is so on Vercel too, unless somebody says otherwise. */
const USUAL = { CLOUDIFY: "1", VERCEL: "1", NODE_ENV: "production", TZ: "UTC" };

/** System variables that exist under both prefixes. */
const TWINS = new Set(["URL", "ENV", "TARGET_ENV", "PROJECT_ID", "GIT_COMMIT_REF", "GIT_COMMIT_SHA"]);
