/**
 * Headers on their way through the ingress, as Node gives and takes them: names and values in turn. Pure.
 */
import {
  COLD_HEADER,
  FUNCTION_HEADER,
  INGRESS_FAULT_HEADER,
  INGRESS_HEADER,
  INGRESS_KEY_HEADER,
  type IngressFault,
  TIMEOUT_HEADER,
} from "@cloudify/protocol";
import type { TargetKind } from "./target.ts";

/** RFC 9110 section 7.6.1: they are of one connection. */
const HOP_BY_HOP = [
  "connection",
  "proxy-connection",
  "keep-alive",
  "te",
  "transfer-encoding",
  "upgrade",
  "proxy-authenticate",
  "proxy-authorization",
];

const FAULTS: readonly IngressFault[] = [
  "denied",
  "absent",
  "starting",
  "draining",
  "unreachable",
  "crashed",
  "threw",
  "timeout",
];

function* pairs(raw: readonly string[]): Generator<[lower: string, name: string, value: string]> {
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? "";
    yield [name.toLowerCase(), name, raw[at + 1] ?? ""];
  }
}

/** The fixed ones, and what the message itself names as such. */
function hopByHop(raw: readonly string[]): Set<string> {
  const names = new Set(HOP_BY_HOP);
  for (const [lower, , value] of pairs(raw)) {
    if (lower !== "connection") continue;
    for (const named of value.split(",")) names.add(named.trim().toLowerCase());
  }
  return names;
}

const without = (raw: readonly string[], names: ReadonlySet<string>): string[] =>
  [...pairs(raw)].flatMap(([lower, name, value]) => (names.has(lower) ? [] : [name, value]));

/** @param upgrade The protocol that is asked for, or `null`. */
export function toWorkload(raw: readonly string[], kind: TargetKind, upgrade: string | null): string[] {
  const names = hopByHop(raw);
  // «continue» was said already.
  names.add("expect");
  // The key is the ingress's, not the customer's; a pod's own ingress asks for it once more.
  if (kind !== "pod") names.add(INGRESS_KEY_HEADER);
  if (kind === "service") for (const name of [FUNCTION_HEADER, TIMEOUT_HEADER]) names.add(name);
  const headers = without(raw, names);
  if (upgrade !== null) headers.push("Connection", "Upgrade", "Upgrade", upgrade);
  else if (isChunked(raw)) headers.push("Transfer-Encoding", "chunked");
  return headers;
}

/** @param coldMs How long the request waited for a start, if it did. */
export function fromWorkload(raw: readonly string[], kind: TargetKind, coldMs: number | null): string[] {
  const names = hopByHop(raw);
  if (coldMs !== null || kind !== "pod") names.add(COLD_HEADER);
  // A pod's own ingress has marked it, and told apart what is a fault.
  if (kind === "pod") return [...without(raw, names), ...coldHeader(coldMs)];
  names.add(INGRESS_HEADER);
  // Our runtime says its own faults, and lets no function do so; whatever another program says there is no fault.
  const isFault = ([lower, , value]: [string, string, string]) =>
    lower === INGRESS_FAULT_HEADER && FAULTS.some((fault) => fault === value);
  if (kind === "service" || ![...pairs(raw)].some(isFault)) names.add(INGRESS_FAULT_HEADER);
  return [...without(raw, names), INGRESS_HEADER, "1", ...coldHeader(coldMs)];
}

export const coldHeader = (coldMs: number | null): string[] =>
  coldMs === null ? [] : [COLD_HEADER, `cold ${coldMs}`];

export const isChunked = (raw: readonly string[]): boolean =>
  [...pairs(raw)].some(([lower]) => lower === "transfer-encoding");

/** Whether a body comes with it. */
export const hasBody = (raw: readonly string[]): boolean =>
  isChunked(raw) || [...pairs(raw)].some(([lower, , value]) => lower === "content-length" && value !== "0");
