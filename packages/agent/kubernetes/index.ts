/** The Kubernetes driver of an agent, as its environment describes it. */
import type { Driver } from "../driver.ts";
import { Kube } from "./client.ts";
import { KubernetesDriver } from "./driver.ts";
import { settingsFrom } from "./settings.ts";

/** @throws When a variable is missing, or there is neither a kubeconfig nor a pod's ServiceAccount. */
export const kubernetesDriver = async (
  region: string,
  env: Record<string, string | undefined>,
): Promise<Driver> => new KubernetesDriver(new Kube(null), settingsFrom(env, region));
