/** Exchanging a token, and taking or renewing a lease: secrets are drawn, opened and sealed here, never in the object. */
import {
  type ExchangeAnswer,
  type ExchangeRequest,
  type LeaseAnswer,
  type LeaseRequest,
  regionKey,
} from "@cloudify/protocol";
import { sha256 } from "#core/encoding.ts";
import { Problem } from "#core/problem.ts";
import { keyIdOf, open, seal } from "#core/seal.ts";
import { reach } from "#features/deployments/objects.ts";
import type { Caller } from "./caller.ts";
import { deniedProblem, heard } from "./denied.ts";
import { drawIngressKey, newRegionSecret } from "./secret.ts";

/** @param caller With the region's token as credential. */
export async function exchange(caller: Caller, { holder }: ExchangeRequest): Promise<ExchangeAnswer> {
  const { base, region, stub, credential: token, requestId } = caller;
  const credential = newRegionSecret("cfya", region, base.random);
  const given = { token, holder, credential: await sha256(credential) };
  const answer = await reach(async () => await stub.exchange(given, requestId));
  if (answer.ok) return { region, name: answer.name, credential };
  if (answer.reason === "unauthenticated") throw deniedProblem({ ok: false, reason: "unauthenticated" });
  throw new Problem("unauthenticated", "This token was exchanged already; a token is good for one agent.", {
    fix: "Make a new one with `cloudify regions token NAME`. If nobody of yours used it, it was stolen: that ends the thief's credential too.",
  });
}

export async function lease(caller: Caller, request: LeaseRequest): Promise<LeaseAnswer> {
  const { base, region, stub, credential, requestId } = caller;
  const next = newRegionSecret("cfya", region, base.random);
  const nextHash = await sha256(next);
  const { answer, isOffered, ingressKey } = heard(
    await reach(async () => await stub.renewLease(credential, request, nextHash, requestId)),
  );
  const key = await ingressKeyOf(caller, ingressKey);
  return { ...answer, credential: isOffered ? next : null, ingressKey: key };
}

/** One that can't be opened any more is of no use to routers either: another takes its place. */
async function ingressKeyOf({ base, region, stub }: Caller, sealed: string): Promise<string> {
  const { edgeKeys, random } = base;
  const key = await open(edgeKeys, sealed, regionKey(region)).catch(() => null);
  if (key === null) {
    console.warn(JSON.stringify({ level: "warn", at: "regions", region, text: "new ingress key drawn" }));
    const drawn = await drawIngressKey(base, region);
    await reach(async () => await stub.reseal(sealed, drawn.sealed));
    return drawn.key;
  }
  if (keyIdOf(sealed) !== edgeKeys.current) {
    const renewed = seal(edgeKeys, key, regionKey(region), random);
    base.keepAlive(renewed.then((one) => stub.reseal(sealed, one)));
  }
  return key;
}
