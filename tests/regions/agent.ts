/** An agent that is played by hand: each call as it goes over the wire, and nothing that it decides by itself. */
import { type LeaseAnswer, type LeaseRequest, PROTOCOL_VERSIONS } from "@cloudify/protocol";
import type { Answer, TestPlatform } from "#tests/deployments/platform.ts";

export interface Played {
  id: string;
  credential: string;
  epoch: number;
  call(
    method: string,
    path: string,
    body?: unknown,
    credential?: string,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  /** Acquires, or renews when it holds an epoch; keeps what it is told. */
  lease(more?: Partial<LeaseRequest>): Promise<Answer>;
  /** Acquires, and fails the test unless it may. */
  acquire(more?: Partial<LeaseRequest>): Promise<LeaseAnswer>;
}

export const REGION = { name: "fra", latitude: 50.1, longitude: 8.7 };

export async function addRegion(
  platform: TestPlatform,
  more: object = {},
): Promise<{ id: string; token: string }> {
  const made = await platform.call("POST", "/api/regions", { ...REGION, ...more });
  if (made.status !== 201) throw new Error(`add: ${made.status} ${JSON.stringify(made.body)}`);
  return made.body;
}

/** Exchanges the token. */
export async function playAgent(platform: TestPlatform, token: string, holder = "host-1"): Promise<Played> {
  const exchanged = await platform.call("POST", "/agent/v1/exchange", { holder }, { token });
  if (exchanged.status !== 200) throw new Error(`exchange: ${JSON.stringify(exchanged.body)}`);
  const agent: Played = {
    id: exchanged.body.region,
    credential: exchanged.body.credential,
    epoch: 0,
    call: (method, path, body, credential = agent.credential, headers = {}) =>
      platform.call(method, `/agent/v1/${path}`, body, { token: credential, headers }),
    async lease(more = {}) {
      const epoch = agent.epoch === 0 ? null : agent.epoch;
      const answer = await agent.call("POST", "lease", { ...leaseOf(holder), epoch, ...more });
      if (answer.status === 200) {
        agent.epoch = answer.body.epoch;
        agent.credential = answer.body.credential ?? agent.credential;
      }
      return answer;
    },
    async acquire(more = {}) {
      const answer = await agent.lease({ epoch: null, ...more });
      if (answer.status !== 200) throw new Error(`lease: ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
  };
  return agent;
}

const leaseOf = (holder: string): LeaseRequest => ({
  holder,
  bootId: "boot-1",
  epoch: null,
  protocols: PROTOCOL_VERSIONS,
  version: "0.1.0",
  pid: 1,
  now: Date.now(),
  driver: "process",
  capabilities: ["serve", "build"],
  capacity: { cpu: 2, memoryBytes: 4e9, builds: 2 },
  load: { cpu: 0.5, memoryBytes: 1e9, workloads: 0, builds: 0 },
  ingress: "http://127.0.0.1:9999",
  isDraining: false,
  applied: { cursor: 0, digest: "" },
});
