/**
 * The function runtime: `node main.ts <config.json>` runs the node functions of one workload in one process, and answers
 * for them over HTTP. What it is told and what it says is in ../process/contract.ts; what functions may rely on, in
 * docs/node-functions.md. It knows no control plane, no other process, and nothing of how it was laid out.
 */
import { readFileSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { join, resolve } from "node:path";
import { inspect } from "node:util";
import { LINES_FD, type RuntimeConfig, type RuntimeMessage, STATE_FD } from "../process/contract.ts";
import { variablesOf } from "./environment.ts";
import { newErrorId } from "./faults.ts";
import { Functions } from "./functions.ts";
import { captureLines } from "./lines.ts";
import { interceptListen } from "./listening.ts";
import { LinePipe } from "./pipe.ts";
import { Afterwards, scopes, shareContext } from "./scopes.ts";
import { FunctionServer } from "./server.ts";
import { settle } from "./settle.ts";

/** What is under way has so long to end once the process is told to. */
const GRACE_MS = 30_000;
/** And so long once an error that nobody caught has left the process in a state that nobody knows. */
const UNCAUGHT_GRACE_MS = 5_000;

const config = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as RuntimeConfig;
const { region, deployment, host, hasPipes } = config;
const settled = settle(config.spec);
// With pipes, the reading end closes with whoever started us: without it nobody can ask any more.
const out = hasPipes ? new Socket({ fd: LINES_FD, readable: true, writable: true }) : process.stdout;
const pipe = new LinePipe(out);
const afterwards = new Afterwards();
const root = resolve(config.root);
const functions = new Functions(settled.functions, root, () => {
  console.error("This process is replaced, so that what could not be loaded is loaded anew.");
  void end(1, UNCAUGHT_GRACE_MS);
});
const server = new FunctionServer(functions);

process.setSourceMapsEnabled(true);
process.chdir(join(root, settled.cwd));
captureLines(pipe.emit);
shareContext(afterwards);
const port = await server.listen(host, Number(process.env.PORT ?? 0));
Object.assign(process.env, variablesOf(process.env, settled.environment, { region, deployment, port }));
interceptListen(port);

function tell(message: RuntimeMessage): void {
  if (hasPipes) writeSync(STATE_FD, `${JSON.stringify(message)}\n`);
}

let isEnding = false;
async function end(code: number, graceMs: number): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  const late = new Promise<void>((done) => setTimeout(done, graceMs));
  const drained = server.drain().then(() => {
    tell({ drained: true });
    return afterwards.settled();
  });
  await Promise.race([drained, late]);
  await Promise.race([pipe.flush(), new Promise((done) => setTimeout(done, 1_000))]);
  process.exit(code);
}

process.on("SIGTERM", () => void end(0, GRACE_MS));
if (out instanceof Socket) {
  out.on("error", () => {});
  out.on("close", () => process.exit(0));
  out.resume();
  out.unref();
}

process.on("unhandledRejection", (reason) => {
  // The module has its own idea of these, and is told too.
  if (process.listenerCount("unhandledRejection") > 1) return;
  console.error(`${newErrorId()} A promise failed that nobody waited for: ${inspect(reason)}`);
});
process.on("uncaughtException", (error) => {
  const call = scopes.getStore()?.call;
  if (call) call.fail(error);
  else console.error(`${newErrorId()} ${inspect(error)}`);
  if (process.listenerCount("uncaughtException") > 1) return;
  console.error("An error was thrown that nobody caught: this process is replaced.");
  void end(1, UNCAUGHT_GRACE_MS);
});

const fault = await functions.loadAhead();
if (fault !== null) {
  console.error(`None of its functions could be loaded: ${fault}`);
  await end(1, UNCAUGHT_GRACE_MS);
} else tell({ ready: true, port });
