/** The platform's gate in a process of its own: the baseline has one, as the design's chain does. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawnWorkerd, v8Flags, type WorkerdProcess } from "@cloudify/platform";
import { sourceParts } from "#scripts/platform/parts.ts";

/** @param home A folder. @param upstream `host:port` of what stands behind it. */
export async function startGate(port: number, home: string, upstream: string): Promise<WorkerdProcess> {
  writeFileSync(join(home, "gate.js"), await sourceParts.gate.code());
  writeFileSync(join(home, "config.capnp"), configuration(port, upstream));
  return spawnWorkerd(sourceParts.runtime.workerd, home, "config.capnp", (chunk) =>
    process.stderr.write(chunk),
  );
}

/** What stands behind it says that it is open, too. */
const configuration = (
  port: number,
  upstream: string,
): string => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  ${v8Flags}
  services = [
    (name = "gate", worker = .gate),
    (name = "upstream", external = (address = "${upstream}", http = (cfBlobHeader = "MF-CF-Blob"))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "gate")],
);
const gate :Workerd.Worker = (
  modules = [(name = "gate.js", esModule = embed "gate.js")],
  compatibilityDate = "2026-10-01",
  compatibilityFlags = ["enable_request_signal"],
  bindings = [
    (name = "API", service = "upstream"),
    (name = "EDGE", service = "upstream"),
    (name = "OPENED", service = "upstream"),
    (name = "HOSTS", text = "[]"),
    (name = "TEST_CF", text = "0"),
  ],
);
`;
