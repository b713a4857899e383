/** The platform on one machine. Where its Workers come from is the caller's to say: see `Parts`. */

export { startBundler } from "./bundler.ts";
export { type Config, readConfig, StartError, WORKERS, type WorkerName } from "./config.ts";
export { gateWorker } from "./gate.ts";
export { codeOf, HomeInUse, readCredentials, writeCredentials } from "./home.ts";
export { startIsolates } from "./isolates.ts";
export { LocalPlatform, type Started } from "./local.ts";
export type { Migration, Parts, Runtime, WorkerPart } from "./parts.ts";
export { checkPort, freePort } from "./ports.ts";
export { tether } from "./tether.ts";
export { spawnWorkerd, v8Flags, type WorkerdProcess } from "./workerd.ts";
