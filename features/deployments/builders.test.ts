import fc from "fast-check";
import { expect, test } from "vitest";
import { buildTask } from "#features/regions/tasks.fixture.ts";
import * as work from "#features/regions/tasks.ts";
import { type Builders, findBuilder, inOrder } from "./builders.ts";

/** Regions with the real rules of tasks, and builds that are looked after in turn. */
class Team {
  readonly tasks: Record<string, work.Tasks> = {};
  readonly held = new Map<string, string | null>();
  capacity: Record<string, number>;

  constructor(capacity: Record<string, number>) {
    this.capacity = capacity;
    for (const region of Object.keys(capacity)) this.tasks[region] = {};
  }

  async look(deployment: string): Promise<boolean | null> {
    const task = buildTask(deployment);
    const of = (region: string) => this.tasks[region] ?? {};
    const room = (region: string) => work.roomFor(of(region), task.id, this.capacity[region] ?? 0);
    const calls: Builders = {
      roomOf: async (region) => (this.capacity[region] ? room(region) : null),
      offer: async (region, ifFree) => {
        if (!this.capacity[region] || (ifFree && room(region) <= 0)) return false;
        this.tasks[region] = work.offer(of(region), task);
        return true;
      },
      takeBack: async (region) => {
        const { tasks, isFree } = work.takeBack(of(region), task.id, 1);
        this.tasks[region] = tasks;
        return isFree;
      },
    };
    const held = this.held.get(deployment) ?? null;
    const found = await findBuilder(Object.keys(this.capacity), { held, lost: [] }, calls);
    if (found) this.held.set(deployment, found.region);
    return found?.isWaiting ?? null;
  }

  statesOf(deployment: string): string[] {
    return Object.values(this.tasks).flatMap((tasks) => tasks[work.taskOf(deployment)]?.state ?? []);
  }

  claim(region: string): void {
    const held = this.tasks[region] ?? {};
    const isBusy = Object.values(held).filter(({ state }) => state === "claimed").length;
    const max = (this.capacity[region] ?? 0) - isBusy;
    this.tasks[region] = work.claim(held, { holder: "h", max, name: region }, 0).tasks;
  }

  finish(region: string): void {
    const held = this.tasks[region] ?? {};
    const [id] = Object.keys(held).filter((one) => held[one]?.state === "claimed");
    const failure = { code: "c", detail: "d", fix: "f" };
    const result = { ok: false, failure, isRetryable: false } as const;
    if (id) this.tasks[region] = work.complete(held, { id, attempt: 1, result }, 0).tasks;
  }
}

type Act = { do: "look"; build: string } | { do: "claim" | "finish" | "lose" | "back"; region: string };
const REGIONS = { fra: 1, iad: 2, sin: 1 };
const region = fc.constantFrom(...Object.keys(REGIONS));
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("look" as const), build: fc.nat(7).map((n) => `dpl_${n}`) }),
  },
  fc.record({ do: fc.constantFrom("claim", "finish", "lose", "back"), region }) as fc.Arbitrary<Act>,
);

test("after any history each build stands in one region at most, and none waits beside one with room", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 60 }), async (acts) => {
      const team = new Team({ ...REGIONS });
      for (const one of acts) {
        if (one.do === "look") await team.look(one.build);
        else if (one.do === "claim") team.claim(one.region);
        else if (one.do === "finish") team.finish(one.region);
        else if (one.do === "back") team.capacity[one.region] = REGIONS[one.region as keyof typeof REGIONS];
        else {
          team.capacity[one.region] = 0;
          team.tasks[one.region] = work.giveUpQueued(team.tasks[one.region] ?? {});
        }
      }
      const builds = [...Array(8).keys()].map((n) => `dpl_${n}`);
      for (const build of builds) await team.look(build);
      for (const build of builds) expect(team.statesOf(build).length).toBeLessThanOrEqual(1);
      // Whoever looked first may stand in a line while another region has room by now: the next look moves it.
      for (const build of builds) await team.look(build);
      const live = Object.entries(team.tasks).filter(([name]) => team.capacity[name]);
      const rooms = live.map(([name, tasks]) => work.roomFor(tasks, "", team.capacity[name] ?? 0));
      expect(rooms.some((free) => free > 0) && rooms.some((free) => free < 0)).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});

test("twelve builds are begun on all builders at once, and all are done in as many rounds as there is room for", async () => {
  const team = new Team({ ...REGIONS });
  const builds = [...Array(12).keys()].map((n) => `dpl_${String(n).padStart(2, "0")}`);
  const isWaiting = [];
  for (const build of builds) isWaiting.push(await team.look(build));
  expect(isWaiting).toEqual(builds.map((_, n) => n >= 4));
  for (let round = 1; round <= 3; round++) {
    for (const name of Object.keys(REGIONS)) team.claim(name);
    expect(builds.filter((one) => team.statesOf(one)[0] === "claimed")).toHaveLength(4);
    for (const name of ["fra", "iad", "iad", "sin"]) team.finish(name);
    for (const build of builds) if (team.statesOf(build)[0] === "queued") await team.look(build);
  }
  expect(builds.every((one) => team.statesOf(one)[0] === "over")).toBe(true);
});

test("a region that was lost comes behind the others, unless it alone has room", () => {
  const names = (builders: [string, number][]) =>
    inOrder(
      builders.map(([name, free]) => ({ region: name, free })),
      ["fra"],
    ).map((one) => one.region);
  expect(
    names([
      ["fra", 9],
      ["iad", 1],
      ["sin", 2],
    ]),
  ).toEqual(["sin", "iad", "fra"]);
  expect(
    names([
      ["fra", 1],
      ["iad", 0],
      ["sin", -1],
    ]),
  ).toEqual(["fra", "iad", "sin"]);
});
