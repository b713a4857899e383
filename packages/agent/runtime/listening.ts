/**
 * Modules that start a server by themselves: their first `listen` while they are loaded does not listen. The server is
 * kept, and given the requests of the function.
 */
import { Server } from "node:http";
import { scopes } from "./scopes.ts";

/** A module that is being loaded. */
export interface Starting {
  /** Called with the server that the module would have listen. */
  found(server: Server): void;
  isOver: boolean;
}

type Listen = (this: Server, ...words: unknown[]) => Server;

/** @param port What the server is told that it listens at. */
export function interceptListen(port: number): void {
  const listen = Server.prototype.listen as Listen;
  // Some frameworks listen at several addresses, one server for each: what was not opened once stays closed.
  const pretended = new Set<unknown>([port]);
  const replacement: Listen = function (...words) {
    const starting = scopes.getStore()?.starting;
    const asked = portOf(words);
    if (starting && !starting.isOver) {
      pretended.add(asked ?? port);
      starting.isOver = true;
      starting.found(this);
    } else if (asked === null || !pretended.has(asked)) {
      return listen.apply(this, words);
    }
    return pretend(this, words, port);
  };
  Object.defineProperty(Server.prototype, "listen", {
    value: replacement,
    writable: true,
    configurable: true,
  });
}

/** @returns `null` when it names none, or a socket file. */
function portOf([first]: readonly unknown[]): number | null {
  const said = typeof first === "object" && first !== null ? (first as { port?: unknown }).port : first;
  const port = typeof said === "string" && said !== "" ? Number(said) : said;
  return typeof port === "number" && port > 0 ? port : null;
}

/** Says to the server's owner all that a server says which listens. */
function pretend(server: Server, words: readonly unknown[], port: number): Server {
  const property = (value: unknown) => ({ value, writable: true, configurable: true });
  Object.defineProperties(server, {
    listening: property(true),
    address: property(() => ({ address: "127.0.0.1", family: "IPv4", port })),
    close: property((done?: (error?: Error) => void) => {
      if (done) server.once("close", done);
      Object.defineProperty(server, "listening", property(false));
      process.nextTick(() => server.emit("close"));
      return server;
    }),
  });
  const done = words.find((word) => typeof word === "function") as (() => void) | undefined;
  if (done) server.once("listening", done);
  process.nextTick(() => server.emit("listening"));
  return server;
}
