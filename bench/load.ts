/** A load generator of bounded count: keep-alive connections to loopback, one request after the other on each. */
import { Agent, request } from "node:http";

export interface Load {
  port: number;
  host: string;
  /** Of each request, by its number. */
  path: string | ((i: number) => string);
  requests: number;
  connections: number;
}

export interface Measured {
  /** Requests a second. */
  rate: number;
  /** Milliseconds. */
  p50: number;
  p95: number;
  failed: number;
}

export async function load({ port, host, path, requests, connections }: Load): Promise<Measured> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const times: number[] = [];
  let failed = 0;
  const waiting = Array.from({ length: requests }, (_, i) => i).values();
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      for (const i of waiting) {
        const at = performance.now();
        if ((await once(agent, port, host, typeof path === "string" ? path : path(i))) !== 200) failed++;
        times.push(performance.now() - at);
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  agent.destroy();
  return {
    rate: Math.round(requests / seconds),
    p50: quantile(times, 0.5),
    p95: quantile(times, 0.95),
    failed,
  };
}

function once(agent: Agent, port: number, host: string, path: string): Promise<number> {
  return new Promise((resolve) => {
    const asked = request({ agent, host: "127.0.0.1", port, path, headers: { host } }, (found) => {
      found.resume().once("end", () => resolve(found.statusCode ?? 0));
    });
    asked.once("error", () => resolve(0));
    asked.end();
  });
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0).toFixed(2));
}
