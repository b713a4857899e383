import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, expect, test } from "vitest";
import { MINUTE } from "#core/time.ts";
import { type By, pointerKey, pointerName } from "#features/pointers/rpc.ts";
import { alarmOf, owedBy, refuse, relent, turnClock } from "./hands.ts";

const by: By = {
  actor: { type: "token", id: "tok_1" },
  requestId: "req_1",
  audit: { action: "deployment.promote", target: "dpl_1" },
};
const assign = (deployment: string) => ({
  type: "assign" as const,
  release: { deployment, site: "s", createdAt: Number(deployment.slice(4)) },
});

let made = 0;
function newPointer() {
  made += 1;
  const of = { team: `team_${made}`, project: `prj_${made}`, target: "production" };
  return { of, stub: env.POINTERS.get(env.POINTERS.idFromName(pointerName(of.project, of.target))) };
}

const entriesOf = async (team: string) =>
  (await env.DB.prepare("select * from audit_entries where team_id = ?").bind(team).all()).results;

const refuseEntries = () =>
  env.DB.exec(
    "create trigger refusal before insert on audit_entries begin select raise(abort, 'refused'); end",
  );
const takeEntries = () => env.DB.exec("drop trigger if exists refusal");
afterEach(takeEntries);

test("an entry that D1 refuses is owed over an eviction, and written once by the alarm", async () => {
  const { of, stub } = newPointer();
  await refuseEntries();
  await stub.send(of, assign("dpl_1"), by);
  // The copies are done; the entry alone is owed.
  await expect.poll(() => owedBy(stub)).toBe(1);
  expect(await stub.read()).toMatchObject({ epoch: 1, live: { deployment: "dpl_1" } });
  expect(await env.SNAPSHOTS.get(pointerKey(of.project, of.target), "json")).toMatchObject({ epoch: 1 });
  await evictDurableObject(stub);
  expect(await alarmOf(stub)).not.toBeNull();

  await turnClock(stub, Date.now() + MINUTE);
  await runDurableObjectAlarm(stub);
  expect(await owedBy(stub)).toBe(1);
  expect(await alarmOf(stub)).not.toBeNull();

  await takeEntries();
  await turnClock(stub, Date.now() + 2 * MINUTE);
  await runDurableObjectAlarm(stub);
  expect(await owedBy(stub)).toBe(0);
  expect(await alarmOf(stub)).toBeNull();
  expect(await entriesOf(of.team)).toMatchObject([
    { seq: 1, action: "deployment.promote", target: "dpl_1", actor_id: "tok_1", request_id: "req_1" },
  ]);
});

test("an effect that was done but not crossed off is done again, and changes nothing", async () => {
  const { of, stub } = newPointer();
  await refuse(stub, "delete on outbox");
  await stub.send(of, assign("dpl_1"), by);
  await expect.poll(() => entriesOf(of.team)).toHaveLength(1);
  expect(await owedBy(stub)).toBe(2);
  await evictDurableObject(stub);
  await relent(stub);
  await turnClock(stub, Date.now() + MINUTE);
  await runDurableObjectAlarm(stub);
  expect(await owedBy(stub)).toBe(0);
  expect(await entriesOf(of.team)).toHaveLength(1);
});

test("what can't be owed is not changed: nothing of the step is kept, not even an alarm", async () => {
  const { of, stub } = newPointer();
  await refuse(stub, "insert on outbox");
  const sent = await runInDurableObject(stub, (pointer) =>
    pointer.send(of, assign("dpl_1"), by).catch((error: unknown) => String(error)),
  );
  expect(sent).toContain("refused");
  expect(await stub.read()).toBeNull();
  expect(await owedBy(stub)).toBe(0);
  expect(await alarmOf(stub)).toBeNull();
});

test("state, debt and alarm stand in storage before anything else can happen", async () => {
  const { of, stub } = newPointer();
  const seen = await runInDurableObject(stub, async (pointer, { storage }) => {
    const sent = pointer.send(of, assign("dpl_1"), by);
    const facts = storage.sql.exec("select 1 from facts where name = 'pointer'").toArray().length;
    const owed = storage.sql.exec("select 1 from outbox").toArray().length;
    const alarm = await storage.getAlarm();
    await sent;
    return { facts, owed, isArmed: alarm !== null };
  });
  expect(seen).toEqual({ facts: 1, owed: 2, isArmed: true });
});

test("an object that is killed in the middle of a change has all of it, or nothing", async () => {
  const { of, stub } = newPointer();
  await runInDurableObject(stub, (pointer, state) => {
    void pointer.send(of, assign("dpl_1"), by).catch(() => undefined);
    state.abort("killed");
  }).catch(() => undefined);
  const again = env.POINTERS.get(env.POINTERS.idFromName(pointerName(of.project, of.target)));
  const all = [(await again.read()) !== null, (await owedBy(again)) > 0, (await alarmOf(again)) !== null];
  expect(new Set(all).size).toBe(1);
});

test("many changes at once leave the copies at the last, and each of its entries once", async () => {
  const { of, stub } = newPointer();
  const numbers = Array.from({ length: 20 }, (_, i) => i + 1);
  await Promise.all(numbers.map((n) => stub.send(of, assign(`dpl_${n}`), by)));
  await expect.poll(() => owedBy(stub)).toBe(0);
  const live = await stub.read();
  expect(live).toMatchObject({ epoch: 20, live: { deployment: "dpl_20" } });
  expect(await env.SNAPSHOTS.get(pointerKey(of.project, of.target), "json")).toEqual(live);
  const row = await env.DB.prepare("select * from pointers where project_id = ?").bind(of.project).first();
  expect(row).toMatchObject({ epoch: 20, live_deployment: "dpl_20" });
  expect((await entriesOf(of.team)).map(({ seq }) => seq)).toEqual(numbers);
});
