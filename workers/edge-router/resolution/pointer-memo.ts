/** What an isolate keeps of pointers, and for how long. It knows neither what a pointer is read from nor who asks. */
import { SECOND } from "#core/time.ts";
import { newest, type Pointer } from "#features/pointers/machine.ts";
import { type Ages, Memo, type Timer } from "./memo.ts";

/**
 * The refresh interval bounds how long after a promote an isolate may serve the old deployment. Past `ageing` an answer
 * waits for the object, so a host that nobody asked for an hour does not start with last hour's deployment.
 */
const AGES: Ages = { fresh: 250, ageing: 400, backOff: SECOND };
const PATIENCE = 300;

export const pointerMemo = (newer = newest, timer?: Timer): Memo<Pointer | null> =>
  new Memo<Pointer | null>(() => AGES, PATIENCE, 10_000, newer, timer);
