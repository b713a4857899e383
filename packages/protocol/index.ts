/** What region agents, the control plane and the edge say to each other; docs/agent-protocol.md says what it means. */
export * from "./agent-service.ts";
export * from "./call.ts";
export * from "./feed.ts";
export * from "./lease.ts";
export * from "./logs.ts";
export * from "./open-values.ts";
export * from "./packs.ts";
export * from "./rbac.ts";
export * from "./secret-forms.ts";
export * from "./tasks.ts";
export * from "./workload.ts";
