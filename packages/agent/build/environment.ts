/** The environment of a build's commands: an allow-list of the machine's, the project's variables, and the system's. */
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { isDirectory } from "@cloudify/builder/detect";
import { type BuildConfig, MARK } from "../process/contract.ts";
import type { Project } from "./project.ts";

/** The agent's own variables, its credentials above all, are none of a build's. */
const KEPT =
  /^(?:PATH|HOME|TMPDIR|LANG|LC_ALL|TZ|SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|(?:https?|no|all)_proxy|npm_config_.*)$/i;
const QUIET: Record<string, string> = {
  CI: "1",
  NO_COLOR: "1",
  FORCE_COLOR: "0",
  NEXT_TELEMETRY_DISABLED: "1",
  VERCEL_TELEMETRY_DISABLED: "1",
  ASTRO_TELEMETRY_DISABLED: "1",
  NUXT_TELEMETRY_DISABLED: "1",
  DO_NOT_TRACK: "1",
  COREPACK_ENABLE_DOWNLOAD_PROMPT: "0",
  npm_config_update_notifier: "false",
  npm_config_audit: "false",
  npm_config_fund: "false",
};

/** What the machine gives to every command, tools' installations too. */
export async function machineEnvironment(
  config: BuildConfig,
  own: NodeJS.ProcessEnv,
): Promise<Record<string, string>> {
  const kept = Object.entries(own).filter(
    ([name, value]) => value !== undefined && (KEPT.test(name) || name === MARK),
  );
  return {
    ...(Object.fromEntries(kept) as Record<string, string>),
    ...QUIET,
    ...(await downloadFolders(config, own)),
  };
}

/**
 * Downloads are kept between builds: npm's by content, so that what is there is what was asked for. On a machine that has
 * a cache of npm's already, as with the process driver, that one is used: builds there are the user's own.
 */
async function downloadFolders(config: BuildConfig, own: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const home = join(userInfo().homedir, ".npm");
  const shared =
    own.npm_config_cache ?? ((await isDirectory(home)) ? home : join(dirname(config.cache), "npm"));
  return {
    npm_config_cache: shared,
    YARN_CACHE_FOLDER: join(config.cache, "yarn"),
    YARN_ENABLE_GLOBAL_CACHE: "false",
    BUN_INSTALL_CACHE_DIR: join(config.cache, "bun"),
  };
}

/**
 * pnpm takes its folder by a name of npm's, which npm complains of. What runs as a service is sent as it is and started by
 * npm: packages that yarn leaves in archives of its cache would not be found there.
 *
 * @param asked A version that the project asks for where the region has another Node: managers would refuse that.
 */
export function managerEnvironment(
  { managed, way }: Pick<Project, "managed" | "way">,
  cache: string,
  asked: string | null,
): Record<string, string> {
  switch (managed.manager) {
    case "npm":
      return asked === null ? {} : { npm_config_engine_strict: "false" };
    case "pnpm":
      return {
        npm_config_store_dir: join(cache, "pnpm"),
        ...(asked !== null && { npm_config_node_version: asked }),
      };
    case "yarn":
      return {
        ...(way.kind === "service" && { YARN_NODE_LINKER: "node-modules" }),
        // From the second on, yarn does not look at engines, and refuses settings that it does not know.
        ...(asked !== null && managed.package === "yarn" && { YARN_IGNORE_ENGINES: "true" }),
      };
    case "bun":
      return {};
  }
}

/** What a build is told of its deployment. */
export function systemEnvironment({ target, branch, url }: BuildConfig): Record<string, string> {
  const about = {
    ENV: kindOf(target),
    TARGET_ENV: target,
    URL: url,
    ...(branch === null ? {} : { GIT_COMMIT_REF: branch }),
  };
  const both = Object.entries(about).flatMap(([name, value]) => [
    [`CLOUDIFY_${name}`, value],
    [`VERCEL_${name}`, value],
  ]);
  return { VERCEL: "1", CLOUDIFY: "1", ...(Object.fromEntries(both) as Record<string, string>) };
}

/** As frameworks know it; an environment of one's own is a preview to them. */
const kindOf = (target: string): string =>
  target === "production" || target === "development" ? target : "preview";
