/** The platform on one machine. Where its Workers come from is the caller's to say: see `Parts`. */

export { startBundler } from "./bundler.ts";
export { type Config, readConfig, StartError, WORKERS, type WorkerName } from "./config.ts";
export { checkPort, freePort, startGate } from "./gate.ts";
export { codeOf, HomeInUse, readCredentials, writeCredentials } from "./home.ts";
export { startIsolates } from "./isolates.ts";
export { LocalPlatform, type Started } from "./local.ts";
export type { Migration, Parts, Runtime, WorkerPart } from "./parts.ts";
export { tether } from "./tether.ts";
