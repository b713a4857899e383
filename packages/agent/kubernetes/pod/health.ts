/** Answers the region's health path: whoever gets this answer has come through the ingress. */
import { createServer } from "node:http";
import { HEALTH_PATH } from "@cloudify/protocol";
import { POD, POD_ENV } from "../pod-contract.ts";
import type { Env } from "./exchange.ts";

export async function health(env: Env): Promise<void> {
  const server = createServer((req, res) => {
    res.writeHead(req.url === HEALTH_PATH ? 200 : 404, { "cache-control": "no-store" }).end();
  });
  server.listen(POD.port, env[POD_ENV.host]);
  process.once("SIGTERM", () => {
    server.close();
    server.closeIdleConnections();
  });
}
