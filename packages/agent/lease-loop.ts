/**
 * Holds the right to act for the region: acquires and renews it, and lets go of it on its own clock.
 *
 *     nothing ─granted→ held ─TTL less the margin without a renewal→ fenced by itself ─granted→ held
 *        ↑                └───────────── `fenced` by the control plane ─────┐
 *        └──────────────────────────────────────────────────────────────────┘
 *
 * Fenced or not, what runs goes on running, and what is asked is answered.
 */
import { type LeaseAnswer, type LeaseRequest, PROTOCOL_VERSIONS } from "@cloudify/protocol";
import { backoffMs } from "./backoff.ts";
import type { Client, Refusal } from "./client.ts";
import { granted, type Held, isSkewed, mayMutate, renewAfter, skewOf } from "./lease.ts";
import type { Seams } from "./seams.ts";

/** What the agent says of itself. */
export type About = Omit<LeaseRequest, "epoch" | "protocols" | "now" | "isDraining">;

export interface LeaseOptions {
  client: Pick<Client, "lease">;
  about(): Promise<About>;
  onGranted(answer: LeaseAnswer): void;
  /** Before the next call; what it throws leaves the credential that is in use. */
  onCredential(credential: string): void;
  onUnauthenticated(): void;
}

export class LeaseLoop {
  #seams: Pick<Seams, "clock" | "random" | "log">;
  #options: LeaseOptions;
  #held: Held | null = null;
  #guard = fencedGuard();
  #wake = new AbortController();
  #waiting: (() => void)[] = [];
  #isDraining = false;
  #renewMs = 0;
  #failures = 0;
  skewMs = 0;
  isDrainAsked = false;

  constructor(seams: Pick<Seams, "clock" | "random" | "log">, options: LeaseOptions) {
    this.#seams = seams;
    this.#options = options;
  }

  /** `null` when none is held. One that may be over by now is still named: the other side decides. */
  get epoch(): number | null {
    return this.#held?.epoch ?? null;
  }

  get mayMutate(): boolean {
    return mayMutate(this.#held, this.#seams.clock.monotonic());
  }

  /** Aborted when what is being changed must stop. */
  get guard(): AbortSignal {
    return this.#guard.signal;
  }

  get isDraining(): boolean {
    return this.#isDraining || this.isDrainAsked;
  }

  /** Resolves with the epoch once things may be changed; `null` when the signal is aborted before. */
  async granted(signal: AbortSignal): Promise<number | null> {
    while (!signal.aborted) {
      if (this.mayMutate) return this.epoch;
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return null;
  }

  /** Another call was told that the epoch is over. */
  lost(epoch: number): void {
    if (this.#held?.epoch !== epoch) return;
    this.#seams.log(
      "warn",
      "Another epoch acts for this region: nothing is changed until a lease is granted.",
      {
        epoch,
      },
    );
    this.#held = null;
    this.#guard.abort();
    this.#wake.abort();
  }

  /** The agent leaves: said at once, and with each renewal from here on. */
  drain(): void {
    this.#isDraining = true;
    this.#wake.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    const fencing = this.#fenceInTime(signal);
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const waitMs = await this.#ask();
      await this.#seams.clock.wait(waitMs, AbortSignal.any([signal, this.#wake.signal]));
    }
    this.#guard.abort();
    await fencing;
  }

  /** @returns Milliseconds until it is asked again. */
  async #ask(): Promise<number> {
    const { clock, random } = this.#seams;
    const about = await this.#options.about();
    const sent = { wall: clock.now(), monotonic: clock.monotonic() };
    const epoch = this.epoch;
    const answer = await this.#options.client.lease({
      ...about,
      epoch,
      protocols: PROTOCOL_VERSIONS,
      now: sent.wall,
      isDraining: this.#isDraining,
    });
    if (!answer.ok) {
      this.#failures += 1;
      return this.#refused(answer, epoch);
    }
    this.#failures = 0;
    this.#granted(answer.value, sent);
    return renewAfter(this.#renewMs, random());
  }

  #granted(answer: LeaseAnswer, sent: { wall: number; monotonic: number }): void {
    const { clock, log } = this.#seams;
    const isNew = answer.epoch !== this.epoch;
    this.#held = granted(answer.epoch, sent.monotonic, answer.ttlMs);
    this.#renewMs = answer.renewMs;
    this.isDrainAsked = answer.isDraining;
    const skewMs = skewOf(sent.wall, clock.now(), answer.now);
    if (isSkewed(skewMs) && !isSkewed(this.skewMs))
      log(
        "warn",
        `This machine's clock is ${Math.abs(skewMs)} ms ${skewMs > 0 ? "ahead of" : "behind"} the platform's.`,
        {
          skewMs,
          fix: "Let it keep time by NTP.",
        },
      );
    this.skewMs = skewMs;
    if (answer.credential !== null) this.#options.onCredential(answer.credential);
    this.#options.onGranted(answer);
    if (isNew) log("info", "The lease is granted.", { epoch: answer.epoch });
    if (!this.mayMutate) return;
    if (this.#guard.signal.aborted) this.#guard = new AbortController();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #refused(refusal: Refusal, epoch: number | null): number {
    const { random, log } = this.#seams;
    const { code, detail, retryAfterMs } = refusal;
    const wait = () => backoffMs(this.#failures, random(), retryAfterMs);
    switch (code) {
      case "fenced":
        if (epoch !== null) this.lost(epoch);
        return backoffMs(1, random());
      case "leased": {
        const asked = refusal.extensions.retryAfterMs;
        log("warn", "Another agent holds this region's lease.", { retryAfterMs: asked });
        return backoffMs(1, random(), typeof asked === "number" ? asked : retryAfterMs);
      }
      case "unauthenticated":
        log("error", "The control plane does not know this agent's credential; what runs here goes on.", {
          fix: "Make a new token for the region, and start the agent with it.",
        });
        this.#options.onUnauthenticated();
        return wait();
      case "protocol_unsupported":
        log("error", "The control plane speaks no version of the protocol that this agent knows.", {
          ours: PROTOCOL_VERSIONS,
          theirs: refusal.extensions.protocols,
          fix: "Update the agent.",
        });
        return wait();
      default:
        log("warn", "The lease could not be renewed.", { code, detail });
        return wait();
    }
  }

  /** Ends the guard on time, whether or not anybody asks. */
  async #fenceInTime(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#seams;
    while (!signal.aborted) {
      if ((await this.granted(signal)) === null) return;
      const { fencedAt = 0 } = this.#held ?? {};
      await clock.wait(Math.max(0, fencedAt - clock.monotonic()), AbortSignal.any([signal, this.guard]));
      if (signal.aborted || this.guard.aborted || this.mayMutate) continue;
      log("warn", "No renewal came in time: nothing is changed until one comes; what runs goes on.", {
        epoch: this.epoch,
      });
      this.#guard.abort();
    }
  }
}

function fencedGuard(): AbortController {
  const guard = new AbortController();
  guard.abort();
  return guard;
}
