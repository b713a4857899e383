/** The driver that the configuration names. The Kubernetes one is loaded only where it is used: it brings a client along. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "./config.ts";
import type { Driver } from "./driver.ts";
import { ProcessDriver } from "./process/index.ts";
import type { Seams } from "./seams.ts";

export const CORES = availableParallelism();

/** What the process driver keeps; nothing is there where it is not used. */
export const processHome = (config: Pick<Config, "home">): string => join(config.home, "process");

export async function driverOf(config: Config, region: string, seams: Seams): Promise<Driver> {
  switch (config.driver) {
    case "process": {
      const { ingress, buildMemoryBytes } = config;
      return new ProcessDriver({
        home: processHome(config),
        region,
        ...ingress,
        node: process.execPath,
        runtime: programOf("runtime"),
        build: programOf("build"),
        buildMemoryBytes,
        clock: seams.clock,
        random: seams.random,
      });
    }
    case "kubernetes": {
      const { kubernetesDriver } = await import("./kubernetes/index.ts");
      return kubernetesDriver(region, process.env);
    }
  }
}

/** Beside this file: as source, or as scripts/build-agent.ts bundles it. */
function programOf(name: "runtime" | "build"): string {
  const isSource = import.meta.url.endsWith(".ts");
  return fileURLToPath(new URL(isSource ? `./${name}/main.ts` : `./${name}.mjs`, import.meta.url));
}
