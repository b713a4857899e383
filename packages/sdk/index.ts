/** The typed client of Cloudify's REST API. */
export { Client, type ClientOptions } from "./client.ts";
export { ApiError, type ProblemDocument } from "./error.ts";
export type {
  Deployment,
  EdgeFunction,
  EnvVar,
  LogRow,
  OperationName,
  Project,
  Region,
  Rollout,
} from "./types.ts";
export { type Source, uploadAll } from "./upload.ts";
