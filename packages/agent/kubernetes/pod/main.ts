/** What runs in the pods that the agent makes: `node pod.mjs files|serve|health|build`. One bundled file of the image. */
import { fileURLToPath } from "node:url";
import { build } from "./build.ts";
import { files } from "./files.ts";
import { health } from "./health.ts";
import { serve } from "./serve.ts";

/** As source, or as scripts/build-agent.ts bundles it: beside this file. */
function programOf(name: "runtime" | "build"): string {
  const isSource = import.meta.url.endsWith(".ts");
  return fileURLToPath(new URL(isSource ? `../../${name}/main.ts` : `./${name}.mjs`, import.meta.url));
}

const [, , role] = process.argv;
switch (role) {
  case "files":
    await files(process.env);
    break;
  case "serve":
    await serve(process.env, programOf("runtime"));
    break;
  case "health":
    await health(process.env);
    break;
  case "build":
    await build(process.env, programOf("build"));
    break;
  default:
    console.error(`${role} is no role of a pod: files, serve, health or build`);
    process.exitCode = 2;
}
