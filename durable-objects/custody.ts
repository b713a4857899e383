/**
 * What every object with an outbox has in common. State, owed effects and the audit entry change in one transaction;
 * effects are done afterwards, in order, and tried again with back-off until they succeed; the alarm is derived from
 * the state and the outbox, never remembered. The rules live in the features' machines.
 */
import { DurableObject } from "cloudflare:workers";
import { newId } from "#core/ids.ts";
import { type Clock, type Millis, type Random, SECOND, systemClock, systemRandom } from "#core/time.ts";
import type { By } from "#features/pointers/rpc.ts";
import { type AuditEntry, copyAudit } from "./audit.ts";
import type { Env } from "./env.ts";

const RETRY_MS = SECOND;
const RETRY_MAX_MS = 60 * SECOND;

type Owed<Effect> = { kind: "audit"; entry: AuditEntry } | { kind: "effect"; effect: Effect };

export abstract class Custody<Effect> extends DurableObject<Env> {
  protected readonly clock: Clock;
  protected readonly random: Random = systemRandom;
  /** Effects are done one at a time; a second caller finds the first at work. */
  #driving: Promise<void> | null = null;
  /** Unix milliseconds of the machine's clock; `null`: none, or not known since the object was woken. */
  #armedAt: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.clock = systemClock(Number(env.CLOCK_OFFSET_MS ?? 0));
    this.createTables();
  }

  /** When the state itself next has work, or `null`. */
  protected abstract dueAt(): Millis | null;
  /** Lets the state do what is due. One that fails is tried again by the alarm. */
  protected abstract tick(): void | Promise<void>;
  /** Does one effect; throws to have it tried again. Doing it twice must change nothing. */
  protected abstract perform(effect: Effect): Promise<void>;

  /** Survives `deleteAll`, after which an object is as new. */
  protected createTables(): void {
    this.ctx.storage.sql.exec(
      `create table if not exists facts (name text primary key, value text not null);
       create table if not exists outbox (
         id integer primary key autoincrement, owed text not null, due integer not null, attempts integer not null)`,
    );
  }

  protected readFact<T>(name: string): T | null {
    const [row] = this.ctx.storage.sql.exec<{ value: string }>(
      "select value from facts where name = ?",
      name,
    );
    return row ? (JSON.parse(row.value) as T) : null;
  }

  /** Facts whose names begin so, in the order of their names. */
  protected readFacts<T>(prefix: string): T[] {
    const rows = this.ctx.storage.sql.exec<{ value: string }>(
      "select value from facts where name >= ?1 and name < ?1 || char(0x10ffff) order by name",
      prefix,
    );
    return [...rows].map(({ value }) => JSON.parse(value) as T);
  }

  /**
   * The second door to storage: the fact, what it owes, and who did it, in one transaction. Returns when it is durable;
   * the effects follow. A fact that is `null` is forgotten.
   */
  protected commit(
    facts: Record<string, unknown>,
    effects: readonly Effect[],
    team: string,
    by: By | null,
  ): void {
    const now = this.clock.now();
    this.ctx.storage.transactionSync(() => {
      for (const [name, value] of Object.entries(facts)) {
        if (value === null) {
          this.ctx.storage.sql.exec("delete from facts where name = ?", name);
          continue;
        }
        this.ctx.storage.sql.exec(
          "insert into facts values (?, ?) on conflict (name) do update set value = excluded.value",
          name,
          JSON.stringify(value),
        );
      }
      for (const effect of effects) this.#owe({ kind: "effect", effect }, now);
      if (by) this.#owe({ kind: "audit", entry: this.#entry(team, by, now) }, now);
    });
    this.ctx.waitUntil(this.arm().then(() => this.drive()));
  }

  /** Forgets everything; the object is as new. */
  protected async clear(): Promise<void> {
    await this.#setAlarm(null);
    await this.ctx.storage.deleteAll();
    this.createTables();
  }

  /**
   * Sees to it that the alarm comes no later than what is due first. One that comes too early is left: it costs less
   * than setting it anew with every change, since each setting is a write of its own.
   */
  protected async arm(): Promise<void> {
    const at = this.#due();
    if (at === null || (this.#armedAt !== null && this.#armedAt <= at)) return;
    await this.#setAlarm(at);
  }

  /** Alarms run on the machine's clock, which is not ours when a test has turned it. */
  #due(): number | null {
    const [row] = this.ctx.storage.sql.exec<{ due: number | null }>("select min(due) as due from outbox");
    const now = this.clock.now();
    // What is owed now is being done, in `drive`; an alarm at once would only do it beside.
    const owed = row?.due ? Math.max(row.due, now + RETRY_MS) : null;
    const due = [owed, this.dueAt()].filter((at) => at !== null);
    return due.length === 0 ? null : Date.now() + Math.max(0, Math.min(...due) - now);
  }

  /**
   * Arms what has lost its alarm: the platform gives one up after a few failures, and what was remembered of it is then
   * wrong. Costs a read when nothing is amiss.
   */
  async wake(): Promise<void> {
    this.#armedAt = await this.ctx.storage.getAlarm();
    await this.arm();
  }

  async #setAlarm(at: number | null): Promise<void> {
    this.#armedAt = at;
    if (at === null) await this.ctx.storage.deleteAlarm();
    else await this.ctx.storage.setAlarm(at);
  }

  /** Does what is owed and due. Never throws. */
  protected drive(): Promise<void> {
    this.#driving ??= this.#drain().finally(() => {
      this.#driving = null;
    });
    return this.#driving;
  }

  /**
   * Re-arms first, then acts: a platform alarm gives up after a few failures, and must never be the last. One that failed
   * leaves it at that, since what is due would have it come back at once, again and again.
   */
  override async alarm(): Promise<void> {
    await this.#setAlarm(Date.now() + RETRY_MAX_MS);
    try {
      await this.tick();
      await this.drive();
      await this.#setAlarm(this.#due());
    } catch (error) {
      console.error(
        JSON.stringify({ level: "error", at: "alarm", object: this.constructor.name, error: String(error) }),
      );
    }
  }

  async #drain(): Promise<void> {
    for (;;) {
      const [row] = this.ctx.storage.sql.exec<{ id: number; owed: string; attempts: number }>(
        "select id, owed, attempts from outbox where due <= ? order by id limit 1",
        this.clock.now(),
      );
      if (!row) break;
      try {
        const owed = JSON.parse(row.owed) as Owed<Effect>;
        if (owed.kind === "audit") await copyAudit(this.env.DB, owed.entry);
        else await this.perform(owed.effect);
        this.ctx.storage.sql.exec("delete from outbox where id = ?", row.id);
      } catch (error) {
        this.#postpone(row.id, row.attempts, error);
      }
    }
    await this.arm();
  }

  /** Full jitter, so that a crowd of objects does not come back at once. */
  #postpone(id: number, attempts: number, error: unknown): void {
    const ceiling = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** attempts);
    const [byte = 0] = this.random.bytes(1);
    const due = this.clock.now() + Math.ceil((ceiling * (byte + 1)) / 256);
    this.ctx.storage.sql.exec("update outbox set due = ?, attempts = attempts + 1 where id = ?", due, id);
    console.warn(
      JSON.stringify({
        level: "warn",
        at: "outbox",
        object: this.constructor.name,
        attempts,
        error: String(error),
      }),
    );
  }

  #owe(owed: Owed<Effect>, due: Millis): void {
    this.ctx.storage.sql.exec(
      "insert into outbox (owed, due, attempts) values (?, ?, 0)",
      JSON.stringify(owed),
      due,
    );
  }

  #entry(team: string, by: By, now: Millis): AuditEntry {
    return { entryId: newId("auditEntry", now, this.random), team, at: now, ...by };
  }
}
