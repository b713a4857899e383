/** Custody of a project's traffic rollups. The rules are in features/traffic/machine.ts. */
import { DurableObject } from "cloudflare:workers";
import { type Millis, systemClock } from "#core/time.ts";
import {
  add,
  emptyMinute,
  KEEP_MS,
  type Minute,
  minuteOf,
  SLOTS_KEEP_MS,
  servedBy,
  type Tally,
} from "#features/traffic/machine.ts";
import type { TrafficRpc } from "#features/traffic/rpc.ts";
import type { Env } from "./env.ts";

export class TrafficObject extends DurableObject<Env> implements TrafficRpc {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#createTables();
  }

  async add(batch: string, tallies: Tally[]): Promise<void> {
    const { sql } = this.ctx.storage;
    const now = systemClock(Number(this.env.CLOCK_OFFSET_MS ?? 0)).now();
    const oldest = now - KEEP_MS;
    this.ctx.storage.transactionSync(() => {
      const [known] = sql.exec("select 1 from batches where id = ?", batch);
      if (known) return;
      sql.exec("insert into batches values (?, ?)", batch, minuteOf(tallies[0]?.slot ?? 0));
      for (const [minute, of] of Map.groupBy(tallies, ({ slot }) => minuteOf(slot))) {
        const rollup = of.reduce(add, this.#minute(minute));
        sql.exec("insert or replace into minutes values (?, ?)", minute, JSON.stringify(rollup));
      }
      for (const { slot, deployment, requests, errors } of servedBy(tallies)) {
        sql.exec(
          `insert into served values (?, ?, ?, ?) on conflict (slot, deployment) do update set
             requests = requests + excluded.requests, errors = errors + excluded.errors`,
          slot,
          deployment,
          requests,
          errors,
        );
      }
      sql.exec("delete from served where slot < ?", now - SLOTS_KEEP_MS);
      sql.exec("delete from batches where at < ?", oldest);
      sql.exec("delete from minutes where minute < ?", oldest);
    });
  }

  async read(from: Millis, limit: number): Promise<Minute[]> {
    const rows = this.ctx.storage.sql.exec<{ value: string }>(
      "select value from minutes where minute >= ? order by minute limit ?",
      from,
      limit,
    );
    return [...rows].map(minuteIn);
  }

  async count(deployments: string[], from: Millis): Promise<{ requests: number; errors: number }[]> {
    return deployments.map((deployment) =>
      this.ctx.storage.sql
        .exec<{ requests: number; errors: number }>(
          `select coalesce(sum(requests), 0) as requests, coalesce(sum(errors), 0) as errors from served
           where slot >= ? and deployment = ?`,
          from,
          deployment,
        )
        .one(),
    );
  }

  async remove(): Promise<void> {
    await this.ctx.storage.deleteAll();
    this.#createTables();
  }

  #minute(minute: Millis): Minute {
    const [row] = this.ctx.storage.sql.exec<{ value: string }>(
      "select value from minutes where minute = ?",
      minute,
    );
    return row ? minuteIn(row) : emptyMinute(minute);
  }

  #createTables(): void {
    this.ctx.storage.sql.exec(
      `create table if not exists batches (id text primary key, at integer not null);
       create table if not exists minutes (minute integer primary key, value text not null);
       create table if not exists served (slot integer not null, deployment text not null, requests integer not null,
         errors integer not null, primary key (slot, deployment))`,
    );
  }
}

/** What was stored before regions were counted lacks them. */
function minuteIn({ value }: { value: string }): Minute {
  const held = JSON.parse(value) as Minute;
  return { ...emptyMinute(held.minute), ...held };
}
