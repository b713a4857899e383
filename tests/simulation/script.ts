/** What happens in a run, and when: drawn from the seed, or read from a file. Milliseconds since the run began. */
import type { Policy } from "#features/deployments/placing.ts";
import { Chance } from "./chance.ts";
import type { ClusterKind } from "./cluster.ts";

export type Step = { at: number } & (
  | { do: "deploy"; id: string; isSource: boolean; regions: string[]; policy: Policy }
  | { do: "cancel" | "promote" | "remove"; id: string }
  | { do: "rollback" }
  | { do: "rotate" | "crash-workloads"; region: string }
  | { do: "skew"; region: string; ms: number }
  /** What lasts. */
  | ({ forMs: number } & (
      | { do: "weather"; loss: number; duplicates: number; delay: [number, number] }
      | { do: "cut"; way: string }
      | { do: "drain" | "pause" | "short"; region: string }
      /** The agent ends, and is started again after that time. */
      | { do: "crash"; region: string; isPower: boolean }
      /** Asked to end, and started again once it has. */
      | { do: "restart"; region: string }
      /** It stands still; another begins on a copy of its home, and then it goes on beside it for a while. */
      | { do: "zombie"; region: string; besideMs: number }
      /** An object, by its name. */
      | { do: "object"; name: string }
      | { do: "api" }
    ))
);

export interface Script {
  seed: number;
  regions: { name: string; kind: ClusterKind }[];
  routers: number;
  steps: Step[];
}

/** When the last fault is over. */
export const quietAt = ({ steps }: Script): number =>
  Math.max(
    0,
    ...steps.map(
      (step) => step.at + ("forMs" in step ? step.forMs : 0) + ("besideMs" in step ? step.besideMs : 0),
    ),
  );

const NAMES = ["fra", "iad", "sin"];
const POLICIES = ["all", "quorum", "any"] as const;

export function scriptOf(seed: number): Script {
  const chance = new Chance(seed, "script");
  const regions = NAMES.slice(0, chance.between(1, 3)).map((name) => ({
    name,
    kind: chance.happens(0.6) ? ("kubernetes" as const) : ("process" as const),
  }));
  const routers = chance.between(1, 3);
  const names = regions.map(({ name }) => name);
  const ids: string[] = [];
  const steps: Step[] = [];
  const when = () => chance.between(1_000, 60_000);
  for (let count = chance.between(2, 5); count > 0; count--) {
    const id = `dpl_${ids.length + 1}`;
    ids.push(id);
    const some = names.filter(() => chance.happens(0.7));
    const at = { at: (ids.length - 1) * 9_000 + chance.between(1_000, 9_000) };
    const isSource = chance.happens(0.6);
    steps.push({
      ...at,
      do: "deploy",
      id,
      isSource,
      regions: some.length > 0 || (isSource && chance.happens(0.3)) ? some : names,
      policy: chance.pick(POLICIES),
    });
  }
  for (let count = chance.between(0, 4); count > 0; count--) {
    const id = chance.pick(ids);
    const region = chance.pick(names);
    steps.push(
      chance.pick<Step>([
        { at: when(), do: "cancel", id },
        { at: when(), do: "promote", id },
        { at: when(), do: "rollback" },
        { at: when(), do: "remove", id },
        { at: when(), do: "remove", id },
        { at: when(), do: "rotate", region },
        { at: when(), do: "drain", region, forMs: chance.between(1_000, 30_000) },
      ]),
    );
  }
  for (let count = chance.between(0, 12); count > 0; count--) {
    steps.push(fault(chance, { names, ids, routers, at: when(), forMs: chance.between(100, 30_000) }));
  }
  // Two homes with one credential: the first that lets it rotate shuts the other out, as it should. Nothing mends that
  // but a new token.
  const isDoubled = steps.some((step) => step.do === "zombie");
  const kept = steps.filter((step) => !isDoubled || step.do !== "rotate");
  return { seed, regions, routers, steps: kept.sort((one, other) => one.at - other.at) };
}

function fault(
  chance: Chance,
  {
    names,
    ids,
    routers,
    ...time
  }: { names: string[]; ids: string[]; routers: number; at: number; forMs: number },
): Step {
  const region = chance.pick(names);
  const router = `router:${chance.between(1, routers)}`;
  const object = chance.pick([...names, ...ids, "pointer", "pointer"]);
  const skew = chance.between(-600_000, 600_000);
  return chance.pick<Step>([
    {
      ...time,
      do: "weather",
      loss: chance.next() * 0.4,
      duplicates: chance.next() * 0.3,
      delay: [chance.between(1, 50), chance.between(50, 5_000)],
    },
    { ...time, do: "cut", way: `agent:${region}` },
    { ...time, do: "cut", way: chance.happens(0.5) ? router : `ingress:${region}` },
    { ...time, do: "pause", region },
    { ...time, do: "crash", region, isPower: chance.happens(0.3) },
    { ...time, do: "restart", region },
    { ...time, do: "zombie", region, besideMs: chance.between(100, 15_000) },
    { ...time, do: "object", name: object },
    { ...time, do: "api" },
    { ...time, do: "short", region },
    { at: time.at, do: "skew", region, ms: skew },
    { at: time.at, do: "crash-workloads", region },
  ]);
}
