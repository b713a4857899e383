/** `cloudify`. */
import { CommanderError } from "commander";
import { report } from "./output.ts";
import { makeProgram } from "./program.ts";

// Node 20 warns of `openAsBlob`, which is stable since; nothing a user could do about it.
process.removeAllListeners("warning");

const json = process.argv.includes("--json") || process.env.CLOUDIFY_JSON !== undefined;
try {
  await makeProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else process.exitCode = report(error, json);
}
