/** The agent's configuration, from its environment. Pure. */

export interface Config {
  /** Origin of the control plane. */
  api: string;
  /** Exchanged once for a credential; not needed after that. */
  token: string | null;
  home: string;
  driver: "process" | "kubernetes";
  ingress: { host: string; port: number; origin: string | null };
  /** Builds at once; 0: it does not build. */
  builds: number;
  /** Of the process driver's; a pod of the Kubernetes driver has {@link buildMemoryMib} of its own default. */
  buildMemoryBytes: number;
  /** Folder of programs that builds need, filled when the agent begins; `null`: its own, filled by the first that asks. */
  tools: string | null;
  blobBytes: number;
  buildCacheBytes: number;
  /** `null`: none. */
  metricsPort: number | null;
  metricsHost: string;
}

/** What is wrong with it, for whoever starts the agent. */
export class ConfigError extends Error {}

const MIB = 1_024 * 1_024;

/** @throws ConfigError. @param memoryBytes Of the machine. */
export function parseConfig(env: Record<string, string | undefined>, memoryBytes: number): Config {
  const api = env.CLOUDIFY_API;
  if (!api) throw new ConfigError("CLOUDIFY_API is not set: the address of the control plane.");
  if (!URL.canParse(api) || !/^https?:$/.test(new URL(api).protocol))
    throw new ConfigError(`CLOUDIFY_API is ${JSON.stringify(api)}, which is no http or https address.`);
  const home = env.CLOUDIFY_AGENT_HOME;
  if (!home) throw new ConfigError("CLOUDIFY_AGENT_HOME is not set: the folder for what the agent keeps.");
  const driver = env.CLOUDIFY_AGENT_DRIVER ?? "process";
  if (driver !== "process" && driver !== "kubernetes")
    throw new ConfigError(
      `CLOUDIFY_AGENT_DRIVER is ${JSON.stringify(driver)}; it can be process or kubernetes.`,
    );
  const origin = env.CLOUDIFY_INGRESS_ORIGIN ?? null;
  if (origin !== null && !URL.canParse(origin))
    throw new ConfigError(`CLOUDIFY_INGRESS_ORIGIN is ${JSON.stringify(origin)}, which is no address.`);
  const buildMemory = Math.floor((memoryBytes * 0.75) / MIB);
  return {
    api: new URL(api).origin,
    token: env.CLOUDIFY_REGION_TOKEN || null,
    home,
    driver,
    ingress: {
      host: env.CLOUDIFY_INGRESS_HOST ?? "127.0.0.1",
      port: number(env, "CLOUDIFY_INGRESS_PORT", 0, 65_535, 0),
      origin: origin === null ? null : new URL(origin).origin,
    },
    builds: number(env, "CLOUDIFY_AGENT_BUILDS", 0, 64, 1),
    buildMemoryBytes: buildMemoryMib(env, buildMemory) * MIB,
    tools: env.CLOUDIFY_AGENT_TOOLS || null,
    blobBytes: number(env, "CLOUDIFY_AGENT_CACHE", 64, 2 ** 24, 10_240) * MIB,
    buildCacheBytes: number(env, "CLOUDIFY_AGENT_BUILD_CACHE", 0, 2 ** 24, 20_480) * MIB,
    metricsPort:
      env.CLOUDIFY_METRICS_PORT === undefined ? null : number(env, "CLOUDIFY_METRICS_PORT", 0, 65_535, 0),
    metricsHost: env.CLOUDIFY_METRICS_HOST ?? "127.0.0.1",
  };
}

/** @throws ConfigError. @param otherwise Without the variable. */
export const buildMemoryMib = (env: Record<string, string | undefined>, otherwise: number): number =>
  number(env, "CLOUDIFY_AGENT_BUILD_MEMORY", 128, 2 ** 20, otherwise);

function number(
  env: Record<string, string | undefined>,
  name: string,
  min: number,
  max: number,
  otherwise: number,
): number {
  const text = env[name];
  if (text === undefined || text === "") return otherwise;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new ConfigError(
      `${name} is ${JSON.stringify(text)}; it can be a whole number from ${min} to ${max}.`,
    );
  return value;
}
