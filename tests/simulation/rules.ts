/** The rules that a run goes by: the real ones. A test puts a broken one in the place of one of them, to be caught. */
import type { Desired, FeedAnswer } from "@cloudify/protocol";
import { isLater, newest, type Pointer } from "#features/pointers/machine.ts";
import { verdictOf } from "#features/regions/failover.ts";
import { takeLease } from "#features/regions/lease.ts";
import * as tasks from "#features/regions/tasks.ts";
import type { Stamp } from "../../packages/agent/driver.ts";

export interface Rules {
  takeLease: typeof takeLease;
  completeTask: typeof tasks.complete;
  verdictOf: typeof verdictOf;
  isLater: typeof isLater;
  newest(held: Pointer | null, found: Pointer | null): Pointer | null;
  /** Whether a driver refuses a stamp. */
  isFenced(held: Stamp, stamp: Stamp): boolean;
  /** What an agent makes of an answer of the feed. @param held What it knows already. */
  heard(answer: FeedAnswer, held: readonly Desired[]): FeedAnswer;
}

export const REAL: Rules = {
  takeLease,
  completeTask: tasks.complete,
  verdictOf,
  isLater,
  newest,
  isFenced: (held, stamp) => stamp.epoch < held.epoch || stamp.generation < held.generation,
  heard: (answer) => answer,
};
