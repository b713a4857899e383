/** The Worker that owns every object class; the others bind to them by `script_name`. It answers no requests. */
import { Problem } from "#core/problem.ts";
import type { Env } from "./env.ts";

export { DeploymentObject } from "./deployment.ts";
export { LogObject } from "./log.ts";
export { PointerObject } from "./pointer.ts";
export { RegionObject } from "./region.ts";
export { TeamSlots } from "./slots.ts";
export { TrafficObject } from "./traffic.ts";

export default {
  fetch: () => new Problem("not_found", "The objects answer over RPC only.").toResponse(),
} satisfies ExportedHandler<Env>;
