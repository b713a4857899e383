/** The part of `node:zlib` that workerd's `nodejs_compat` gives and we use; Node's own types would clash with workerd's. */
declare module "node:zlib" {
  export interface Compressor {
    write(bytes: Uint8Array, done: () => void): void;
    end(): void;
    on(event: "data", listener: (piece: Uint8Array) => void): void;
    on(event: "end", listener: () => void): void;
    on(event: "error", listener: (error: Error) => void): void;
  }
  export const constants: { BROTLI_PARAM_QUALITY: number; BROTLI_PARAM_SIZE_HINT: number };
  export function createBrotliCompress(options: { params: Record<number, number> }): Compressor;
  export function createGzip(): Compressor;
}
