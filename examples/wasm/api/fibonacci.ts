/** `?n=90` → the 90th Fibonacci number, by WebAssembly. */
import module from "./fibonacci.wasm";

export const config = { runtime: "edge" };

const { fibonacci } = new WebAssembly.Instance(module).exports as { fibonacci(n: number): bigint };
/** The next one does not fit into 64 bits. */
const LAST = 93;

export function GET(request: Request): Response {
  const n = Number(new URL(request.url).searchParams.get("n") ?? "");
  if (!Number.isInteger(n) || n < 0 || n > LAST) {
    return Response.json({ error: `Give ?n=, a whole number from 0 to ${LAST}.` }, { status: 400 });
  }
  return Response.json({ n, fibonacci: BigInt.asUintN(64, fibonacci(n)).toString() });
}
