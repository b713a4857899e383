/** The init step: fetches a workload's files and its spec, and ends. */
import { POD_ENV } from "../pod-contract.ts";
import { type Env, Exchange, need } from "./exchange.ts";

/** @throws When they can't be had: the pod tries again, and its status says why. */
export async function files(env: Env): Promise<void> {
  const exchange = new Exchange(need(env, POD_ENV.bundle), need(env, POD_ENV.secret));
  await exchange.fetch("", need(env, POD_ENV.files));
}
