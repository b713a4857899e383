/**
 * Whether the thread of a function runtime still turns: it is asked now and then, while somebody waits for it, and what
 * counts is how many looks it has owed its answer. Looks, not time: when this process was paused, so was its asking.
 */
import { type ClientRequest, request } from "node:http";
import { HEALTH_PATH } from "@cloudify/protocol";

interface Asked {
  host: string;
  port: number;
}

export class Pulse {
  #asking: ClientRequest | null = null;
  #owed = 0;

  /** @param isBusy Whether somebody waits. @returns Looks in a row, this one too, that it has owed an answer; 0: none. */
  look(address: Asked, isBusy: boolean): number {
    if (this.#asking) return ++this.#owed;
    this.#owed = 0;
    if (isBusy) this.#ask(address);
    return 0;
  }

  #ask(address: Asked): void {
    const done = (): void => {
      if (this.#asking === asked) this.#asking = null;
    };
    const asked = request({ ...address, path: HEALTH_PATH, agent: false }, (answer) => {
      done();
      answer.resume();
    });
    this.#asking = asked;
    // A connection that is refused or cut is an end, which is noticed elsewhere; silence is what is looked for here.
    asked.on("error", done);
    asked.end();
  }

  stop(): void {
    this.#asking?.destroy();
  }
}
