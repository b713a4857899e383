import fc from "fast-check";
import { expect, test } from "vitest";
import { type ChainedEntry, GENESIS, linkHash } from "./chain.ts";

const entry: ChainedEntry = {
  entryId: "aud_1",
  teamId: "team_1",
  seq: 1,
  at: 1,
  actorType: "token",
  actorId: "tok_1",
  action: "env.create",
  target: "env_1",
  detail: { key: "A", targets: ["preview"] },
  requestId: null,
};

test("a change of anything that a reader sees, or of what stands before, changes the hash", async () => {
  const hash = await linkHash(GENESIS, entry);
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(await linkHash(hash, entry)).not.toBe(hash);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...(Object.keys(entry) as (keyof ChainedEntry)[])),
      fc.jsonValue(),
      async (name, value) => {
        fc.pre(JSON.stringify(value) !== JSON.stringify(entry[name]));
        expect(await linkHash(GENESIS, { ...entry, [name]: value } as ChainedEntry)).not.toBe(hash);
      },
    ),
  );
});

test("the order of a detail's keys, and columns that nobody sees, do not count", async () => {
  const detail = { targets: ["preview"], key: "A" };
  const row = { ...entry, detail, hash: "x", prevHash: "y" };
  expect(await linkHash(GENESIS, row)).toBe(await linkHash(GENESIS, entry));
});
