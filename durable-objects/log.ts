/** Custody of one deployment's log. What is taken in is decided in features/logs/policy.ts. */
import { DurableObject } from "cloudflare:workers";
import { type Clock, systemClock } from "#core/time.ts";
import {
  admit,
  type Budget,
  type Entry,
  FOLD_AFTER_MS,
  FOLLOW_MS,
  FUNCTION_LINES,
  HEARTBEAT_MS,
  type Line,
  type LogRow,
} from "#features/logs/policy.ts";
import { type LogRpc, logKey, type Until } from "#features/logs/rpc.ts";
import type { Env } from "./env.ts";

const PAGE = 500;

interface Stored extends Record<string, SqlStorageValue> {
  seq: number;
  at: number;
  stream: string;
  level: string;
  text: string;
  gap: number | null;
}

/** A row that is to be written. */
type Kept = Pick<Entry, "at" | "stream" | "level" | "text"> & { gap: number | null };

/** Several writers of one stream number their lines each by itself. */
const numbering = ({ stream, writer }: Line): string =>
  writer === undefined ? stream : `${stream} ${writer}`;

/** Where batches stand among the streams that were seen. */
const BATCH = "batch:";

const full = (dropped: number): string => `${dropped} lines were dropped: the log is full`;

export class LogObject extends DurableObject<Env> implements LogRpc {
  /** Woken by each append; followers wait on it. */
  #wake: () => void = () => undefined;
  #news = this.#nextNews();
  /** How often it was removed, which ends who follows. */
  #removals = 0;
  protected readonly clock: Clock = systemClock();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#createTables();
  }

  async append(lines: Line[]): Promise<void> {
    this.#take(() => this.#unseen(lines));
  }

  async appendBatch(batch: string, lines: Entry[]): Promise<void> {
    this.#take(() => (this.#isNew(batch) ? lines : []));
  }

  /** @param fresh Those that were not told before. */
  #take(fresh: () => readonly Entry[]): void {
    if (this.#isFolded()) return;
    this.ctx.storage.transactionSync(() => {
      let budget = this.#fact<Budget>("budget") ?? { bytes: 0, dropped: 0 };
      const held = budget;
      const kept: Kept[] = [];
      for (const line of fresh()) {
        const before = budget.dropped;
        const verdict = admit(budget, line);
        budget = verdict.budget;
        if (!verdict.keep) continue;
        if (before > 0) kept.push({ ...line, level: "warn", text: full(before), gap: before });
        kept.push({ ...line, text: verdict.text, gap: line.gap ?? null });
      }
      this.#insert(kept);
      if (budget !== held) this.#setFact("budget", budget);
      this.#prune();
    });
    this.#notify();
  }

  async note(deployment: string, line: Line): Promise<void> {
    if (this.#isFolded()) await this.#unfold(deployment);
    await this.append([line]);
  }

  async finish(deployment: string, isLive: boolean): Promise<void> {
    if (this.#isFolded()) return;
    const budget = this.#fact<Budget>("budget");
    this.ctx.storage.transactionSync(() => {
      if (budget && budget.dropped > 0) {
        const { dropped } = budget;
        this.#insert([{ stream: "system", at: 0, level: "warn", text: full(dropped), gap: dropped }]);
        this.#setFact("budget", { ...budget, dropped: 0 });
      }
      this.#setFact("finished", deployment);
      if (isLive) this.#setFact("live", true);
    });
    if (!isLive) await this.ctx.storage.setAlarm(Date.now() + FOLD_AFTER_MS);
    this.#notify();
  }

  async read(
    deployment: string,
    after: number,
    limit: number,
  ): Promise<{ rows: LogRow[]; finished: boolean }> {
    const finished = this.#fact<string>("finished") !== null;
    const rows = this.#rows(after, limit);
    if (finished || rows.length > 0 || !this.#isEmpty())
      return { rows, finished: finished && rows.length < limit };
    return this.#folded(deployment, after, limit);
  }

  async follow(deployment: string, after: number, until: Until): Promise<ReadableStream<Uint8Array>> {
    const { readable, writable } = new IdentityTransformStream();
    this.ctx.waitUntil(this.#feed(deployment, after, until, writable.getWriter()).catch(() => undefined));
    return readable;
  }

  async remove(deployment: string): Promise<void> {
    await this.env.BLOBS.delete(logKey(deployment));
    await this.#clear();
    this.#removals++;
    this.#notify();
  }

  /**
   * The log moves to R2 before it is cleared here; done twice, it writes the same object again. Re-arms first: a platform
   * alarm gives up after a few failures, and what R2 refused must not stay here for ever.
   */
  override async alarm(): Promise<void> {
    const deployment = this.#fact<string>("finished");
    if (deployment === null) return;
    await this.ctx.storage.setAlarm(Date.now() + FOLD_AFTER_MS);
    try {
      await this.#fold(deployment);
    } catch (error) {
      console.error(JSON.stringify({ level: "error", at: "fold", deployment, error: String(error) }));
    }
  }

  async #fold(deployment: string): Promise<void> {
    const rows = this.#rows(0, Number.MAX_SAFE_INTEGER);
    await this.env.BLOBS.put(logKey(deployment), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    // A line that came meanwhile is taken by the next alarm, with all others.
    if (this.#rows(rows.at(-1)?.seq ?? 0, 1).length > 0) return;
    await this.#clear();
    this.#setFact("folded", true);
  }

  /** Its rows are here again, with their numbers; it is folded anew as after its end. */
  async #unfold(deployment: string): Promise<void> {
    const { rows } = await this.#folded(deployment, 0, Number.MAX_SAFE_INTEGER);
    // Somebody else may have opened it meanwhile.
    if (!this.#isFolded()) return;
    this.ctx.storage.transactionSync(() => {
      // One by one: a text that SQLite takes as a parameter has an end.
      for (const { seq, at, stream, level, text, gap } of rows) {
        const values = [seq, at, stream, level, text, gap ?? null];
        this.ctx.storage.sql.exec("insert into rows values (?, ?, ?, ?, ?, ?)", ...values);
      }
      this.ctx.storage.sql.exec("delete from facts where name = 'folded'");
      this.#setFact("finished", deployment);
    });
    await this.ctx.storage.setAlarm(Date.now() + FOLD_AFTER_MS);
  }

  async #feed(
    deployment: string,
    after: number,
    until: Until,
    writer: WritableStreamDefaultWriter<Uint8Array>,
  ): Promise<void> {
    const encoder = new TextEncoder();
    const removals = this.#removals;
    const cutAt = this.clock.now() + FOLLOW_MS;
    for (let cursor = after; ; ) {
      if (this.#removals !== removals) return writer.close();
      // Cut, not ended: what was allowed when it began may be no more, and only who comes back is asked.
      if (this.clock.now() >= cutAt) return writer.abort(new Error("followed for long enough"));
      const news = this.#news;
      const { rows, finished } = await this.read(deployment, cursor, PAGE);
      if (rows.length > 0) {
        await writer.write(encoder.encode(rows.map((row) => `${JSON.stringify(row)}\n`).join("")));
        cursor = rows.at(-1)?.seq ?? cursor;
      }
      const isLive = until === "silent" && this.#fact<boolean>("live") === true;
      if (finished && !isLive) return writer.close();
      if (rows.length === PAGE) continue;
      const isNews = await Promise.race([
        news.then(() => true),
        scheduler.wait(HEARTBEAT_MS).then(() => false),
      ]);
      if (!isNews) await writer.write(encoder.encode("\n"));
    }
  }

  async #folded(
    deployment: string,
    after: number,
    limit: number,
  ): Promise<{ rows: LogRow[]; finished: boolean }> {
    const object = await this.env.BLOBS.get(logKey(deployment));
    if (!object) return { rows: [], finished: false };
    const lines = (await object.text()).split("\n").filter((line) => line !== "");
    const rows = lines.map((line) => JSON.parse(line) as LogRow).filter((row) => row.seq > after);
    return { rows: rows.slice(0, limit), finished: rows.length <= limit };
  }

  #rows(after: number, limit: number): LogRow[] {
    const rows = this.ctx.storage.sql.exec<Stored>(
      "select * from rows where seq > ? order by seq limit ?",
      after,
      limit,
    );
    return [...rows].map(({ gap, level, ...row }) => ({
      ...row,
      level: level as LogRow["level"],
      ...(gap === null ? {} : { gap }),
    }));
  }

  /** Of a live log nearly all rows are of functions, so that the numbers tell how many there are. */
  #prune(): void {
    for (const [table, key, stream] of [
      ["rows", "seq", "function:"],
      ["seen", "rowid", "function:"],
      ["seen", "rowid", BATCH],
    ]) {
      this.ctx.storage.sql.exec(
        `delete from ${table} where ${key} <= (select max(${key}) from ${table}) - ? and stream glob ?`,
        FUNCTION_LINES,
        `${stream}*`,
      );
    }
  }

  #isNew(batch: string): boolean {
    const told = this.ctx.storage.sql.exec(
      "insert or ignore into seen values (?, 0) returning n",
      `${BATCH}${batch}`,
    );
    return [...told].length > 0;
  }

  /** Those that were not told before, in order; one statement for all, since functions write many small ones. */
  #unseen(lines: readonly Line[]): Line[] {
    const told = this.ctx.storage.sql.exec<{ stream: string; n: number }>(
      `insert or ignore into seen select value ->> 'stream', value ->> 'n' from json_each(?) where true
       returning stream, n`,
      JSON.stringify(lines.map((line) => ({ stream: numbering(line), n: line.n }))),
    );
    const fresh = new Set([...told].map(({ stream, n }) => `${n} ${stream}`));
    return lines.filter((line) => fresh.delete(`${line.n} ${numbering(line)}`));
  }

  #insert(kept: readonly Kept[]): void {
    if (kept.length === 0) return;
    const rows = kept.map(({ at, stream, level, text, gap }) => [at, stream, level, text, gap]);
    this.ctx.storage.sql.exec(
      `insert into rows (at, stream, level, text, gap)
       select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 from json_each(?) order by key`,
      JSON.stringify(rows),
    );
  }

  /** What comes after that was there before: a line that is told again must not hide, or write over, what was folded. */
  #isFolded(): boolean {
    return this.#fact<boolean>("folded") === true;
  }

  #isEmpty(): boolean {
    const [row] = this.ctx.storage.sql.exec("select 1 from rows limit 1");
    return row === undefined;
  }

  #fact<T>(name: string): T | null {
    const [row] = this.ctx.storage.sql.exec<{ value: string }>(
      "select value from facts where name = ?",
      name,
    );
    return row ? (JSON.parse(row.value) as T) : null;
  }

  #setFact(name: string, value: unknown): void {
    this.ctx.storage.sql.exec("insert or replace into facts values (?, ?)", name, JSON.stringify(value));
  }

  #nextNews(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #notify(): void {
    const wake = this.#wake;
    this.#news = this.#nextNews();
    wake();
  }

  async #clear(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.#createTables();
  }

  #createTables(): void {
    this.ctx.storage.sql.exec(
      `create table if not exists facts (name text primary key, value text not null);
       create table if not exists seen (stream text not null, n integer not null, primary key (stream, n));
       create table if not exists rows (seq integer primary key autoincrement, at integer not null, stream text not null,
         level text not null, text text not null, gap integer)`,
    );
  }
}
