/** The way to a region's ingress: the network, what the edge proves itself with, and the probe. */
import { LOAD_HEADER, regionKey } from "@cloudify/protocol";
import { open, parseKeyRing } from "#core/seal.ts";
import { SECOND } from "#core/time.ts";
import { askHealth } from "#features/regions/ingress.ts";
import type { Env } from "../env.ts";
import type { Region } from "../resolution/regions.ts";
import type { Scope } from "../scope.ts";
import { probed, takeProbe } from "./states.ts";

/** To a connection. */
const KNOCK_MS = 2 * SECOND;

export const send = (env: Env, url: string, init: RequestInit): Promise<Response> =>
  env.REGIONS_NET ? env.REGIONS_NET.fetch(url, init) : fetch(url, init);

/**
 * Whether its port takes connections. workerd tells of a connection that was refused and of one that broke off in the
 * same words, so a request that must not be made twice is sent to an open door only. In production Cloudflare's network
 * tells them apart by itself: see `endingOfStranger`.
 */
export async function isOpen({ REGIONS_NET }: Env, { ingress }: Region): Promise<boolean> {
  if (!REGIONS_NET) return true;
  const { hostname, port, protocol } = new URL(ingress);
  const socket = REGIONS_NET.connect(`${hostname}:${port || (protocol === "https:" ? 443 : 80)}`);
  const late = scheduler.wait(KNOCK_MS).then(() => false);
  const opened = socket.opened.then(
    () => true,
    () => false,
  );
  const isTaken = await Promise.race([opened, late]);
  socket.closed.catch(() => undefined);
  socket.close().catch(() => undefined);
  return isTaken;
}

const MAX_KEYS = 1_000;
/** Sealed → opened. */
const keys = new Map<string, string>();

/** @throws When it is sealed with a key that this platform does not have, or for another region. */
export async function keyOf({ env }: Scope, { id, ingressKey }: Region): Promise<string> {
  const held = keys.get(ingressKey);
  if (held !== undefined) return held;
  const opened = await open(parseKeyRing(env.EDGE_KEYS), ingressKey, regionKey(id));
  if (keys.size > MAX_KEYS) keys.clear();
  keys.set(ingressKey, opened);
  return opened;
}

/** Sends the probes that are due, behind the answer: no request waits for one. */
export function probe(scope: Scope, regions: readonly Region[]): void {
  for (const region of regions) if (takeProbe(region, scope.clock.now())) scope.keepAlive(ask(scope, region));
}

async function ask({ env, clock }: Scope, region: Region): Promise<void> {
  try {
    const found = await askHealth((url, init) => send(env, url, init), region.ingress);
    const load = found.headers.get(LOAD_HEADER);
    const said = load === null || load === "" ? null : toLoad(load);
    probed(region, found.status === 200 && said, clock.now());
  } catch {
    probed(region, false, clock.now());
  }
}

const toLoad = (text: string): number | null => (Number.isFinite(Number(text)) ? Number(text) : null);
