/** For how long a function is waited for, wherever it runs. */
import { type Millis, SECOND } from "#core/time.ts";

/** To the first byte, of all tries together; and again from the head of the answer to its last byte. */
export const LONGEST_MS: Millis = 300 * SECOND;

/** A function that asks for more than {@link LONGEST_MS} has that. @param maxDuration Seconds. */
export const longestOf = (maxDuration: number): Millis => Math.max(LONGEST_MS, maxDuration * SECOND);
