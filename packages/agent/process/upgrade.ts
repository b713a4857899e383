/** A connection that becomes something else, a WebSocket mostly: handed through as bytes once both sides agree. */
import { type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";
import { INGRESS_FAULT_HEADER, type IngressFault } from "@cloudify/protocol";
import { limitOf, STATUS } from "./faults.ts";
import { fromWorkload, toWorkload } from "./headers.ts";
import type { Target } from "./target.ts";

export async function upgrade(
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  target: Target,
  path: string,
): Promise<void> {
  const limit = limitOf(req, socket);
  const acquired = await target.acquire(limit.signal);
  if (!acquired.ok) return refuse(socket, acquired.fault);
  const { instance, release, coldMs } = acquired;
  const { kind } = target;
  const headers = toWorkload(req.rawHeaders, kind, req.headers.upgrade ?? "");
  const asked = request({
    ...instance.address,
    method: req.method,
    path,
    headers,
    agent: false,
    setHost: false,
  });
  const close = () => {
    asked.destroy();
    release();
  };
  socket.once("close", close);
  if (socket.destroyed) return close();
  limit.signal.addEventListener("abort", () => {
    if (limit.signal.reason === "timeout") refuse(socket, "timeout");
  });

  asked.on("upgrade", (answer, far: Duplex, farHead: Buffer) => {
    limit.isMet();
    const agreed = ["Connection", "Upgrade", "Upgrade", answer.headers.upgrade ?? ""];
    socket.write(
      headOf(101, answer.statusMessage, [...fromWorkload(answer.rawHeaders, kind, coldMs), ...agreed]),
    );
    far.write(head);
    socket.write(farHead);
    far.on("error", () => socket.destroy());
    // Neither side goes on alone: what was sent arrives, and then it is over for both.
    joined(socket, far);
    joined(far, socket);
  });
  asked.on("response", (answer) => {
    // It does not want to: its answer, and the end of the connection.
    limit.isMet();
    const sent = [...fromWorkload(answer.rawHeaders, kind, coldMs), "Connection", "close"];
    socket.write(headOf(answer.statusCode ?? 502, answer.statusMessage, sent));
    answer.pipe(socket);
  });
  asked.on("error", () => refuse(socket, "unreachable"));
  asked.end();
}

function joined(from: Duplex, to: Duplex): void {
  from.pipe(to, { end: false });
  from.once("end", () => to.end(() => to.destroy()));
  from.once("close", () => to.destroy());
}

export const refuse = (socket: Duplex, fault: IngressFault): void =>
  close(socket, STATUS[fault], [INGRESS_FAULT_HEADER, fault]);

export function close(socket: Duplex, status: number, headers: readonly string[] = []): void {
  socket.end(headOf(status, "", [...headers, "Connection", "close", "Content-Length", "0"]));
}

function headOf(status: number, message: string | undefined, headers: readonly string[]): string {
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1]}`] : []));
  return [`HTTP/1.1 ${status} ${message ?? ""}`, ...lines, "", ""].join("\r\n");
}
