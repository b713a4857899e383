/**
 * What must be so along every run, kept in books of its own: it asks no machine whether something was right. The first
 * broken invariant ends the run.
 */
import { type BuildTask, LEASE_TTL_MS } from "@cloudify/protocol";
import type { Stamp } from "../../packages/agent/driver.ts";

interface Grant {
  bootId: string;
  until: number;
}

interface Act {
  id: string;
  stamp: Stamp;
}

export class Monitor {
  broken: string | null = null;
  /** What the hash of a run is made of. */
  readonly note: (line: string) => void;
  readonly seen: Record<string, number> = {};
  #grants = new Map<string, Grant>();
  #epochs = new Map<string, number>();
  #boots = new Set<string>();
  #buried = new Map<string, Set<number>>();
  #stamps = new Map<string, Stamp>();
  #generations = new Map<string, number>();
  #attempts = new Map<string, number>();
  #lines = new Map<string, "said" | "spooled" | "excused" | "logged">();
  #served = new Map<string, { order: number; deployment: string }>();
  #runs = new Set<string>();

  constructor(note: (line: string) => void) {
    this.note = note;
  }

  fail(invariant: string, detail: string): void {
    this.broken ??= `${invariant}: ${detail}`;
    this.note(`broken ${this.broken}`);
  }

  #happened(what: string): void {
    this.seen[what] = (this.seen[what] ?? 0) + 1;
  }

  granted(region: string, epoch: number, bootId: string, until: number): void {
    this.note(`granted ${region} ${epoch} ${bootId}`);
    this.#happened("grants");
    const held = this.#grants.get(`${region} ${epoch}`);
    if (held && held.bootId !== bootId)
      this.fail("one-holder", `epoch ${epoch} of ${region} is ${held.bootId}'s and ${bootId}'s`);
    if (epoch < (this.#epochs.get(region) ?? 0))
      this.fail("one-holder", `${region} went back to epoch ${epoch}`);
    const last = this.#grants.get(`${region} ${this.#epochs.get(region)}`);
    const isOld = this.#boots.has(`${region} ${bootId}`);
    if (last && last.bootId !== bootId && isOld && until - LEASE_TTL_MS < last.until)
      this.fail(
        "no-return",
        `${bootId} took ${region} back from ${last.bootId}, which came after it and lives`,
      );
    this.#boots.add(`${region} ${bootId}`);
    this.#epochs.set(region, epoch);
    this.#grants.set(`${region} ${epoch}`, { bootId, until });
  }

  /** A write of an agent has taken effect in the region's object. */
  written(region: string, epoch: number, now: number): void {
    const grant = this.#grants.get(`${region} ${epoch}`);
    if (epoch !== this.#epochs.get(region) || !grant || now >= grant.until)
      this.fail(
        "no-fenced-write",
        `epoch ${epoch} wrote to ${region}, which is at ${this.#epochs.get(region)}`,
      );
  }

  buried(region: string, id: string, cursor: number): void {
    this.note(`buried ${region} ${id} ${cursor}`);
    const key = `${region} ${id}`;
    this.#buried.set(key, (this.#buried.get(key) ?? new Set()).add(cursor));
  }

  /** A driver's write has taken effect. */
  applied(region: string, cluster: string, { id, stamp, bootId }: Act & { bootId: string }): void {
    this.#effect(cluster, id, stamp);
    this.#happened("applied");
    const key = `${region} ${id}`;
    const isKnown = this.#generations.get(key) === stamp.generation;
    const holder = this.#grants.get(`${region} ${stamp.epoch}`)?.bootId;
    // What was last known is put up again before anybody has answered, in the epoch in which it was told.
    if (!isKnown && holder !== bootId)
      this.fail("one-holder", `${bootId} acts for ${region} in epoch ${stamp.epoch}, which is ${holder}'s`);
    this.#generations.set(key, Math.max(stamp.generation, this.#generations.get(key) ?? 0));
  }

  removed(region: string, cluster: string, { id, stamp }: Act): void {
    this.#effect(cluster, id, stamp);
    this.#happened("removed");
    if (!this.#buried.get(`${region} ${id}`)?.has(stamp.generation))
      this.fail("no-delete-without-tombstone", `${id} was removed from ${region} at ${stamp.generation}`);
  }

  #effect(cluster: string, id: string, stamp: Stamp): void {
    this.note(`stamped ${cluster} ${id} ${stamp.epoch} ${stamp.generation}`);
    const held = this.#stamps.get(`${cluster} ${id}`);
    if (held && (stamp.epoch < held.epoch || stamp.generation < held.generation))
      this.fail(
        "no-fenced-write",
        `${id} in ${cluster} went from ${held.epoch}/${held.generation} to ${stamp.epoch}/${stamp.generation}`,
      );
    this.#stamps.set(`${cluster} ${id}`, stamp);
  }

  offered(region: string, { id, attempt }: BuildTask): void {
    this.note(`offered ${region} ${id} ${attempt}`);
    this.#attempts.set(`${region} ${id}`, attempt);
  }

  completed(region: string, id: string, attempt: number): void {
    this.note(`completed ${region} ${id} ${attempt}`);
    this.#happened("completed");
    if (this.#attempts.get(`${region} ${id}`) !== attempt)
      this.fail("no-old-attempt", `attempt ${attempt} of ${id} was taken in ${region}`);
  }

  /** @param manifest Names the attempt that it was built by. */
  built(deployment: string, attempt: number, manifest: string): void {
    if (manifest !== `${deployment} ${attempt}`)
      this.fail("no-old-attempt", `${deployment} at attempt ${attempt} took ${manifest}`);
  }

  moved(deployment: string, from: string, to: string): void {
    if (from === to) return;
    this.note(`moved ${deployment} ${from} ${to}`);
    this.#happened(`to ${to}`);
    if (["ready", "error", "canceled"].includes(from))
      this.fail("terminal", `${deployment} went from ${from} to ${to}`);
  }

  said(text: string): void {
    this.#lines.set(text, "said");
  }

  spooled(text: string): void {
    if (this.#lines.get(text) === "said") this.#lines.set(text, "spooled");
  }

  /** It may be lost: its disk was, or nobody has to do with its deployment any more. */
  excused(text: string): void {
    if (this.#lines.get(text) !== "logged") this.#lines.set(text, "excused");
  }

  logged(text: string): void {
    this.note(`logged ${text}`);
    this.#happened("lines");
    if (this.#lines.get(text) === "logged") this.fail("lines", `${text} is in the log twice`);
    this.#lines.set(text, "logged");
  }

  get lostLines(): string[] {
    return [...this.#lines].flatMap(([text, state]) => (state === "spooled" ? [text] : []));
  }

  /** @param order Of the release among all that were ever live, as the pointer counts them. */
  served(client: string, order: number, deployment: string): void {
    this.note(`served ${client} ${order} ${deployment}`);
    this.#happened("served");
    const held = this.#served.get(client);
    if (held && order < held.order && deployment !== held.deployment)
      this.fail(
        "no-way-back",
        `${client} saw ${held.deployment} (${held.order}), then ${deployment} (${order})`,
      );
    this.#served.set(client, { order: Math.max(order, held?.order ?? 0), deployment });
  }

  /** A request has been begun by a workload. */
  ran(request: string, mayRepeat: boolean): void {
    this.#happened("ran");
    if (!mayRepeat && this.#runs.has(request)) this.fail("no-repetition", `${request} was run twice`);
    this.#runs.add(request);
  }
}
