/** What workloads have been promised, which is what a scheduler goes by. Pure. */
import type { Load } from "@cloudify/protocol";
import type { Pod } from "./types.ts";

const FACTORS: Record<string, number> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A quantity of Kubernetes, `250m` or `1Gi`, as a number; 0 when it is none. */
export function quantity(text: string | undefined): number {
  const [, number, unit] = /^([0-9.]+)([a-zA-Z]*)$/.exec(text ?? "") ?? [];
  return number === undefined ? 0 : Number(number) * (unit ? (FACTORS[unit] ?? 0) : 1);
}

/** @param cores Of the region. */
export function loadOf(pods: readonly Pod[], workloads: number, cores: number): Omit<Load, "builds"> {
  const requests = pods
    .filter(({ status }) => status?.phase === "Running" || status?.phase === "Pending")
    .flatMap(({ spec }) => spec.containers.map(({ resources }) => resources?.requests ?? {}));
  const sum = (of: (one: Record<string, string>) => string | undefined): number =>
    requests.reduce((total, one) => total + quantity(of(one)), 0);
  return {
    cpu: Math.min(1, sum(({ cpu }) => cpu) / cores),
    memoryBytes: sum(({ memory }) => memory),
    workloads,
  };
}
