/** A stream of bytes as lines of text. Pure but for the call of its reader. */

/** Bytes of a line that a program prints. */
export const PLAIN_BYTES = 16_384;
/** Bytes of a line that is a message of one of our programs: half of one would be none. */
export const MESSAGE_BYTES = 1_024 * 1_024;

export interface LineReader {
  write(chunk: Uint8Array): void;
  /** What came without a last newline. */
  end(): void;
}

/**
 * Bytes that are no UTF-8 become U+FFFD.
 *
 * @param maxBytes Of a line; what is longer is cut into several, never inside of a character.
 */
export function readLines(maxBytes: number, onLine: (text: string) => void): LineReader {
  let held: Buffer = Buffer.alloc(0);
  const say = (bytes: Buffer) => {
    const end = bytes.at(-1) === 0x0d ? bytes.length - 1 : bytes.length;
    onLine(bytes.toString("utf8", 0, end));
  };
  /** @returns What is too short to be cut yet. */
  const cut = (bytes: Buffer): Buffer => {
    let from = 0;
    while (bytes.length - from > maxBytes) {
      const to = border(bytes, from + maxBytes);
      say(bytes.subarray(from, to));
      from = to;
    }
    return bytes.subarray(from);
  };
  return {
    write(chunk) {
      let rest: Buffer = held.length > 0 ? Buffer.concat([held, chunk]) : Buffer.from(chunk);
      for (let at = rest.indexOf(0x0a); at !== -1; at = rest.indexOf(0x0a)) {
        say(cut(rest.subarray(0, at)));
        rest = rest.subarray(at + 1);
      }
      held = cut(rest);
    },
    end() {
      if (held.length > 0) say(held);
      held = Buffer.alloc(0);
    },
  };
}

/** The last place at or before `at` that does not lie inside of a character. */
function border(bytes: Buffer, at: number): number {
  for (let back = 0; back < 4; back++) {
    if (((bytes[at - back] ?? 0) & 0xc0) !== 0x80) return at - back;
  }
  return at;
}
