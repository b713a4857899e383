/** The part of `node:zlib` that workerd's `nodejs_compat` gives and we use; Node's own types would clash with workerd's. */
declare module "node:zlib" {
  export const constants: { BROTLI_PARAM_QUALITY: number; BROTLI_PARAM_SIZE_HINT: number };
  export function brotliCompressSync(
    bytes: Uint8Array,
    options: { params: Record<number, number> },
  ): Uint8Array;
  export function gzipSync(bytes: Uint8Array): Uint8Array;
}
