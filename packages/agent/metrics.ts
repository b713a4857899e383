/** What the agent says of itself to whoever scrapes it: Prometheus' text format, version 0.0.4. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Gauge {
  name: string;
  help: string;
  type: "gauge" | "counter";
  values: { labels?: Record<string, string>; value: number }[];
}

export function textOf(metrics: readonly Gauge[]): string {
  return metrics
    .map(({ name, help, type, values }) => {
      const lines = values.map(({ labels = {}, value }) => `${name}${labelsOf(labels)} ${value}`);
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
    })
    .join("");
}

function labelsOf(labels: Record<string, string>): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

const escaped = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');

/**
 * `/healthz` says that the process works, not that the control plane does: ending an agent that is cut off would end what
 * it serves.
 */
export async function serveMetrics(host: string, port: number, metrics: () => Promise<readonly Gauge[]>) {
  const server = createServer((req, res) => {
    if (req.url === "/healthz") return void res.end("ok\n");
    if (req.url !== "/metrics") return void res.writeHead(404).end();
    void metrics().then(
      (all) =>
        res.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(textOf(all)),
      () => res.writeHead(500).end(),
    );
  });
  server.listen(port, host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
