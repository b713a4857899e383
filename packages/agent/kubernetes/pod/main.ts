/** What runs in the pods that the agent makes: `node pod.mjs files|serve|health|build`. One bundled file of the image. */
import { fileURLToPath } from "node:url";
import { POD_ENV } from "../pod-contract.ts";
import { build } from "./build.ts";
import { files } from "./files.ts";
import { health } from "./health.ts";
import { serve } from "./serve.ts";

/** The function runtime lies beside this file. */
const runtime = process.env[POD_ENV.runtime] ?? fileURLToPath(new URL("runtime.mjs", import.meta.url));

const [, , role] = process.argv;
switch (role) {
  case "files":
    await files(process.env);
    break;
  case "serve":
    await serve(process.env, runtime);
    break;
  case "health":
    await health(process.env);
    break;
  case "build":
    await build(process.env, runtime);
    break;
  default:
    console.error(`${role} is no role of a pod: files, serve, health or build`);
    process.exitCode = 2;
}
