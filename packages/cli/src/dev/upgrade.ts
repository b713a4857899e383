/**
 * Which requests ask for a WebSocket, and how one is answered that gets none. Any other `Upgrade` (`curl --http2` and
 * Java's client send `h2c`) is an offer that may be ignored: the request is answered as usual (RFC 9110, 7.8).
 */
import { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** A comma-separated field → its values in lower case. */
export const tokens = (field: string | undefined): string[] =>
  (field ?? "")
    .toLowerCase()
    .split(",")
    .map((one) => one.trim());

export const isWebSocket = ({ method, headers }: IncomingMessage): boolean =>
  method === "GET" &&
  tokens(headers.connection).includes("upgrade") &&
  tokens(headers.upgrade).includes("websocket");

/**
 * Node's server takes the socket out of HTTP for what this says. Node 22.21 and 24.9 have `shouldUpgradeCallback` for
 * it; `cloudify dev` runs on older ones too, which look here.
 */
export class Asked extends IncomingMessage {
  get upgrade(): boolean {
    return isWebSocket(this);
  }

  /** The parser sets it for every kind of upgrade. */
  set upgrade(_: boolean) {}
}

/** An ordinary answer on a socket that the server has handed over; the connection ends with it. */
export function answerOn(req: IncomingMessage, socket: Duplex): ServerResponse {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket as Socket);
  // The server no longer tells an answer that its socket takes more: a long body would wait for ever.
  socket.on("drain", () => res.emit("drain"));
  res.once("finish", () => socket.end());
  return res;
}
