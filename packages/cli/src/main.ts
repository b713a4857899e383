/** `cloudify`. */
import { CommanderError } from "commander";
import { report } from "./output.ts";
import { CliProblem } from "./problem.ts";
import { makeProgram } from "./program.ts";

// Node 20 warns of `openAsBlob`, which is stable since; nothing a user could do about it.
process.removeAllListeners("warning");

// Who reads has read enough: `cloudify logs ID | head -1`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

const json = process.argv.includes("--json") || process.env.CLOUDIFY_JSON !== undefined;
try {
  await makeProgram().parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) process.exitCode = report(error, json);
  else if (error.exitCode === 0) process.exitCode = 0;
  // For people, it has said so itself.
  else process.exitCode = json ? report(misuse(error), json) : 2;
}

function misuse({ code, message }: CommanderError): CliProblem {
  const detail = code === "commander.help" ? "A command is missing." : message.replace(/^error: /, "");
  return new CliProblem("usage", detail, "Add --help for the words this command takes.", 2);
}
