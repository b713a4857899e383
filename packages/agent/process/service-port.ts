/** Seeing that a program listens at its port of loopback: that it does, and nobody else. */
import { connect } from "node:net";
import { setTimeout as after } from "node:timers/promises";
import { isTakenBy, type LoopbackHost } from "./listeners.ts";

/** What a program may have meant by «localhost». */
const HOSTS: readonly LoopbackHost[] = ["127.0.0.1", "::1"];

/**
 * @param pids The program's processes. A stranger at the port would get its visitors: it counts as nobody, where it can be
 * told from the program.
 * @returns The address that takes connections; `null` once the signal is aborted.
 */
export async function listening(
  port: number,
  pids: () => readonly number[],
  signal: AbortSignal,
): Promise<LoopbackHost | null> {
  for (let wait = 10; !signal.aborted; wait = Math.min(100, wait * 1.5)) {
    for (const host of HOSTS)
      if ((await accepts(host, port)) && isTakenBy(pids, host, port) !== false) return host;
    await after(wait, undefined, { signal }).catch(() => undefined);
  }
  return null;
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const answer = (does: boolean) => {
      socket.destroy();
      resolve(does);
    };
    socket.setTimeout(1_000, () => answer(false));
    // Where nobody listens, the kernel may give a connection this very port, and join it to itself.
    socket.once("connect", () => answer(socket.localPort !== port));
    socket.once("error", () => answer(false));
  });
}
