/**
 * Where pods fetch what they run and leave what they made: a server inside the cluster. Each workload and each build has a
 * token of its own, and sees nothing of the others.
 *
 *     GET  /bundle/<workload>             its blobs by their digest, and its spec, as tar
 *     GET  /build/<build>/source|cache    PUT /build/<build>/output|cache    POST /build/<build>/end
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import type { WorkloadMaterial } from "@cloudify/protocol";
import type { BlobSource } from "../driver.ts";
import { POD } from "./pod-contract.ts";
import { type Entry, packEntries } from "./tar.ts";

/** Answers one request of a pod that has shown its token. @throws What the pod's request then fails with. */
export type Answer = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

interface Door {
  token: string;
  /** `<method> <rest of the path>` → answer. */
  answers: Record<string, Answer>;
}

export class Bundles {
  readonly #doors = new Map<string, Door>();
  readonly #onFault: (id: string, detail: string) => void;
  #server: Server | null = null;

  /** @param onFault Told of what a pod asked for and did not get. */
  constructor(onFault: (id: string, detail: string) => void) {
    this.#onFault = onFault;
  }

  /** @returns The port. */
  async listen(port: number): Promise<number> {
    const server = createServer((req, res) => void this.#serve(req, res));
    this.#server = server;
    await once(server.listen(port), "listening");
    return (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }

  offer(kind: "bundle" | "build", id: string, token: string, answers: Record<string, Answer>): void {
    this.#doors.set(`/${kind}/${encodeURIComponent(id)}`, { token, answers });
  }

  withdraw(kind: "bundle" | "build", id: string): void {
    this.#doors.delete(`/${kind}/${encodeURIComponent(id)}`);
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const [, root = "", rest = ""] = /^(\/[a-z]+\/[^/?]+)(\/[a-z]+)?$/.exec(req.url ?? "") ?? [];
    const door = this.#doors.get(root);
    const answer = door?.answers[`${req.method} ${rest}`];
    // An unknown workload and a wrong token look the same.
    if (!door || !answer || !isSame(req.headers.authorization ?? "", `Bearer ${door.token}`)) {
      res.writeHead(404, { connection: "close" }).end();
      return;
    }
    try {
      await answer(req, res);
    } catch (error) {
      const id = decodeURIComponent(root.slice(root.lastIndexOf("/") + 1));
      this.#onFault(id, `${req.method} ${root}${rest}: ${(error as Error).message}`);
      if (res.headersSent) res.destroy();
      else res.writeHead(502, { connection: "close" }).end();
    }
  }
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
const isSame = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other));

/** Answers a workload's files: each blob once, under its digest. */
export function bundleOf({ team, spec }: WorkloadMaterial, blobs: BlobSource): Answer {
  return async (req, res) => {
    const left = new AbortController();
    res.once("close", () => left.abort());
    req.resume();
    res.writeHead(200, { "content-type": "application/x-tar" });
    await pipeline(packEntries(entries(left.signal)), res);
  };

  async function* entries(signal: AbortSignal): AsyncGenerator<Entry> {
    const sizes = new Map<string, number>();
    for (const file of Object.values(spec.files)) if ("sha256" in file) sizes.set(file.sha256, file.size);
    for (const [name, size] of sizes) {
      yield { name, size, isExecutable: false, content: await blobs.fileOf(team, name, signal) };
    }
    const text = Buffer.from(JSON.stringify(spec));
    yield { name: POD.spec, size: text.length, isExecutable: false, content: text };
  }
}
