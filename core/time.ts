/**
 * Time and chance, as things that are handed in. Nothing else in the house reads the system's clock or its
 * random source, so a test can turn both by hand.
 */

/** Milliseconds: since the Unix epoch where it is a moment, or a length of time. */
export type Millis = number;

export interface Clock {
  /** Unix milliseconds. */
  now(): Millis;
}

export interface Random {
  /** `length` bytes fit for keys and ids. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
}

export const SECOND: Millis = 1_000;
export const MINUTE: Millis = 60 * SECOND;
export const HOUR: Millis = 60 * MINUTE;
export const DAY: Millis = 24 * HOUR;

/**
 * The system's clock, shifted.
 *
 * @param offset Milliseconds added to every reading; tests turn the clock of a whole platform with it.
 */
export const systemClock = (offset: Millis = 0): Clock => ({ now: () => Date.now() + offset });

/**
 * The system's, drawn in one piece for many: a call into the runtime costs more than the bytes. Each byte is given out once.
 *
 * @param size Bytes of a piece; larger wishes are drawn by themselves.
 */
export function pooledRandom(size: number): Random {
  let pool = new Uint8Array(0);
  let at = 0;
  return {
    bytes(length) {
      if (length > size) return systemRandom.bytes(length);
      if (at + length > pool.length) {
        pool = systemRandom.bytes(size);
        at = 0;
      }
      at += length;
      return pool.slice(at - length, at);
    },
  };
}

export const systemRandom: Random = { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) };
