/** `npm start`: the whole platform on this machine, until a signal ends it. The last line of readiness is `ready <url>`. */
import { join } from "node:path";
import { codeOf, LocalPlatform, readConfig, StartError } from "@cloudify/platform";
import { environmentsOf } from "./platform/agent-environment.ts";
import { ROOT, sourceParts } from "./platform/parts.ts";
import { type Place, readPlaces } from "./platform/places.ts";
import { LocalRegion } from "./platform/regions.ts";
import { deployExample } from "./platform/welcome.ts";

const AGENT = join(ROOT, "packages/agent/main.ts");

async function start(): Promise<void> {
  const config = readConfig(process.env);
  const places = readPlaces(process.env.CLOUDIFY_REGIONS);
  const environments = environmentsOf(process.env, places.length);
  const regions: LocalRegion[] = [];
  let isStopping = false;
  const told = {
    onOutput: (chunk: Buffer) => void process.stderr.write(chunk),
    onEvent(event: Record<string, unknown>) {
      // Ctrl-C reaches the platform's process too, which is started again until it is stopped.
      if (!(isStopping && event.at === "platform")) console.error(JSON.stringify(event));
    },
  };
  const platform = new LocalPlatform({ config, parts: sourceParts, allow: allowedNetworks(), ...told });
  const stop = async (code: number): Promise<never> => {
    isStopping = true;
    await Promise.all(regions.map((region) => region.stop()));
    await platform.stop();
    process.exit(code);
  };
  // They stay: a library that listens too ends the process itself once it is the only one left.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop(0));
  try {
    const { api, own } = await platform.start(() => {
      console.error("The platform has ended, and can't be started again; see the lines above.");
      void stop(1);
    });
    const of = (place: Place, at: number) => {
      const env = environments[at] ?? {};
      return new LocalRegion(place, { home: config.home, api, program: AGENT, env, onPid: own, ...told });
    };
    regions.push(...places.map(of));
    await Promise.all(regions.map((region) => region.start()));
    const example = config.without.size === 0 ? await deployExample(config.home, ROOT) : null;
    if (example !== null) console.log(`examples/hello is at ${example}`);
    console.log(`ready ${api}`);
  } catch (error) {
    // A stop takes away what the start waits for.
    if (!isStopping) tell(error);
    await stop(1);
  }
}

/** Only public addresses, and those that CLOUDIFY_ALLOW_PRIVATE names: checked when a connection is made. */
const allowedNetworks = (): string[] => [
  "public",
  ...(process.env.CLOUDIFY_ALLOW_PRIVATE ?? "").split(",").filter((cidr) => cidr !== ""),
];

function tell(error: unknown): void {
  if (error instanceof StartError) console.error(error.message);
  else if (codeOf(error) === "ENOSPC")
    console.error("The disk is full: free some space, or set CLOUDIFY_HOME to another disk.");
  else console.error(error);
}

try {
  await start();
} catch (error) {
  tell(error);
  process.exit(1);
}
