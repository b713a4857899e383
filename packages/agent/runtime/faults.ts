/** Answers that this process makes in a function's place. */
import { randomBytes } from "node:crypto";
import { ServerResponse } from "node:http";
import { INGRESS_FAULT_HEADER, type IngressFault } from "@cloudify/protocol";

/** An answer that a helper gives for the function, unless the function catches it. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "Refusal";
    this.status = status;
  }
}

/** An answer of a function: it can't claim to be none. */
export class Answer extends ServerResponse {
  override writeHead(status: number, ...rest: unknown[]): this {
    if (!this.headersSent) this.removeHeader(INGRESS_FAULT_HEADER);
    const head = rest.at(-1);
    const kept =
      typeof head === "object" && head !== null ? [...rest.slice(0, -1), withoutFault(head)] : rest;
    return super.writeHead(status, ...(kept as []));
  }
}

function withoutFault(head: object): object {
  const isFault = (name: unknown): boolean => String(name).toLowerCase() === INGRESS_FAULT_HEADER;
  if (!Array.isArray(head)) {
    return Object.fromEntries(Object.entries(head).filter(([name]) => !isFault(name)));
  }
  // Names and values in turn; pairs of them are the same, and mean it only while no header was set before. As Node does,
  // the first tells which: a value may be a list too.
  const flat: unknown[] = Array.isArray(head[0]) ? head.flat() : head;
  return flat.filter((_, i) => !isFault(flat[i - (i % 2)]));
}

interface Fault {
  fault: IngressFault | null;
  status: number;
  code: string;
  title: string;
  detail: string;
  /** Of the line in the log. */
  id?: string;
}

export const newErrorId = (): string => `err_${randomBytes(8).toString("hex")}`;

export const FAULTS = {
  absent: (name: string): Fault => ({
    fault: "absent",
    status: 404,
    code: "not_found",
    title: "Not found",
    detail: name === "" ? "The request names no function." : `This process has no function "${name}".`,
  }),
  draining: (): Fault => ({
    fault: "draining",
    status: 503,
    code: "unavailable",
    title: "It is not available at the moment",
    detail: "This process is about to end.",
  }),
  threw: (name: string, id: string): Fault => ({
    fault: "threw",
    status: 500,
    code: "function_failed",
    title: "The function failed",
    detail: `The function "${name}" threw an error: look for ${id} in the deployment's log.`,
    id,
  }),
  timeout: (name: string, limitMs: number): Fault => ({
    fault: "timeout",
    status: 504,
    code: "function_timeout",
    title: "The function did not answer in time",
    detail: `The function "${name}" did not begin to answer within ${limitMs / 1000} s.`,
  }),
} as const;

/**
 * Answers in the place of the function, which has not begun to. Whatever it still does with the answer has no effect.
 *
 * @returns `false` when it was too late.
 */
export function answerInstead(res: ServerResponse, { fault, ...said }: Fault): boolean {
  const { status, code } = said;
  const document = { type: `https://cloudify.dev/problems/${code}`, ...said };
  const head: Record<string, string> = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
  };
  if (fault) head[INGRESS_FAULT_HEADER] = fault;
  return takeOver(res, status, head, `${JSON.stringify(document)}\n`);
}

export const refuse = (res: ServerResponse, { status, message }: Refusal): boolean =>
  takeOver(res, status, { "content-type": "text/plain; charset=utf-8" }, `${message}\n`, message);

function takeOver(
  res: ServerResponse,
  status: number,
  head: Record<string, string>,
  body: string,
  message?: string,
): boolean {
  if (res.headersSent || res.writableEnded || res.destroyed) return false;
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  if (message) res.statusMessage = message;
  const all: Record<string, string | number> = { ...head, "content-length": Buffer.byteLength(body) };
  // What is left of the body would have to be read before another request can come on this connection.
  if (!res.req.complete) all.connection = "close";
  // Not by the methods of the object, which libraries wrap.
  ServerResponse.prototype.writeHead.call(res, status, all);
  ServerResponse.prototype.end.call(res, body, "utf8");
  Object.assign(res, silent(res));
  return true;
}

function silent(res: ServerResponse): object {
  const itself = (): ServerResponse => res;
  const called = (...words: unknown[]): void => {
    const done = words.find((word) => typeof word === "function") as (() => void) | undefined;
    if (done) process.nextTick(done);
  };
  return {
    setHeader: itself,
    setHeaders: itself,
    appendHeader: itself,
    removeHeader: () => {},
    writeHead: itself,
    flushHeaders: () => {},
    addTrailers: () => {},
    writeContinue: () => {},
    writeEarlyHints: () => {},
    writeProcessing: () => {},
    write: (...words: unknown[]) => {
      called(...words);
      return true;
    },
    end: (...words: unknown[]) => {
      called(...words);
      return res;
    },
  };
}
