/** Chooses the stored form of a file for a client (RFC 9110, 12.5.3). */

export type Encoding = "br" | "gzip" | "identity";

/**
 * @param accept The client's own `accept-encoding`, which the runtime keeps apart from the header it rewrites.
 * @param stored Forms that there are besides the plain one.
 */
export function negotiate(accept: string | null, stored: readonly ("br" | "gzip")[]): Encoding {
  if (accept === null || stored.length === 0) return "identity";
  const weights = new Map<string, number>();
  for (const part of accept.slice(0, 1_000).split(",")) {
    const [coding = "", ...parameters] = part.trim().toLowerCase().split(";");
    const q = parameters
      .map((one) => /^\s*q=([01](?:\.\d{0,3})?)\s*$/.exec(one)?.[1])
      .find((one) => one !== undefined);
    weights.set(coding.trim(), q === undefined ? 1 : Number(q));
  }
  const weight = (coding: string) => weights.get(coding) ?? weights.get("*") ?? 0;
  // Ours is the order of equals: the smaller form first.
  const [best] = (["br", "gzip"] as const)
    .filter((coding) => stored.includes(coding) && weight(coding) > 0)
    .sort((a, b) => weight(b) - weight(a));
  return best && weight(best) >= (weights.get("identity") ?? 0) ? best : "identity";
}
