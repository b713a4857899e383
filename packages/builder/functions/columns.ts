/** Columns as esbuild counts them are bytes of UTF-8; people and editors count characters. Pure. */

/** @param column Bytes before the place, in the line. @returns The place's character, from 1. */
export const columnOf = (line: string, column: number): number =>
  new TextDecoder().decode(new TextEncoder().encode(line).subarray(0, column)).length + 1;
