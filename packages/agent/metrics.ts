/** What the agent says of itself to whoever scrapes it: Prometheus' text format, version 0.0.4. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Log } from "./seams.ts";

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

export interface Metrics {
  /** `null` while it has none. */
  readonly port: number | null;
  close(): void;
}

type Gauges = () => Promise<readonly Gauge[]>;

const AGAIN_MS = 30_000;

/** Numbers that can't be had end nothing that is served: without its port it goes on, and tries again until it has it. */
export async function keepMetrics(
  host: string,
  port: number,
  metrics: Gauges,
  log: Log,
  againMs = AGAIN_MS,
): Promise<Metrics> {
  let held: Metrics | null = null;
  let isClosed = false;
  let again: NodeJS.Timeout | undefined;
  const attempt = async (isFirst: boolean): Promise<void> => {
    try {
      held = await serveMetrics(host, port, metrics);
      if (isClosed) held.close();
      else if (!isFirst) log("info", "The agent's numbers are served.", { metricsPort: held.port });
    } catch (error) {
      if (isFirst)
        log(
          "warn",
          "The agent's numbers can't be served at their port; it goes on without, and tries again.",
          {
            metricsPort: port,
            error: String(error),
          },
        );
      if (!isClosed) again = setTimeout(() => void attempt(false), againMs);
    }
  };
  await attempt(true);
  return {
    get port() {
      return held?.port ?? null;
    },
    close() {
      isClosed = true;
      clearTimeout(again);
      held?.close();
    },
  };
}

/**
 * `/healthz` says that the process works, not that the control plane does: ending an agent that is cut off would end what
 * it serves.
 */
async function serveMetrics(host: string, port: number, metrics: Gauges): Promise<Metrics> {
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
