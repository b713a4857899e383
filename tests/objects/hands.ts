/** What a test does to an object from outside its door: turn its clock, look at its alarm, make its storage refuse. */
import { runInDurableObject } from "cloudflare:test";
import type { Millis } from "#core/time.ts";

type Stub = DurableObjectStub<Rpc.DurableObjectBranded>;

/** Until the object is evicted: one woken anew has the machine's clock. */
export const turnClock = (stub: Stub, now: Millis): Promise<unknown> =>
  runInDurableObject(stub, (object) => Object.assign(object, { clock: { now: () => now } }));

/** Unix milliseconds of the machine's clock. */
export const alarmOf = (stub: Stub): Promise<Millis | null> =>
  runInDurableObject(stub, (_, state) => state.storage.getAlarm());

/** Effects and audit entries that are not done yet. */
export const owedBy = (stub: Stub): Promise<number> =>
  runInDurableObject(stub, (_, state) => state.storage.sql.exec("select 1 from outbox").toArray().length);

/** SQLite itself says no, as it does when a disk is full. @param when Of what row. */
export const refuse = (
  stub: Stub,
  what: "insert on facts" | "insert on outbox" | "delete on outbox",
  when = "true",
) =>
  runInDurableObject(stub, (_, state) => {
    state.storage.sql.exec(
      `create trigger refusal before ${what} when ${when} begin select raise(abort, 'refused'); end`,
    );
  });

export const relent = (stub: Stub) =>
  runInDurableObject(stub, (_, state) => {
    state.storage.sql.exec("drop trigger refusal");
  });
