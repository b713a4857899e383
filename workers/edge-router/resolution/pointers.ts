/**
 * (project, target) → pointer. The object is the truth and is asked first; KV's copy lags by up to a minute and is what
 * keeps a cold router serving when the objects are away. An isolate never goes back to a lower epoch.
 */
import { POINTER_VERSION, type Pointer } from "#features/pointers/machine.ts";
import { pointerKey, pointerName } from "#features/pointers/rpc.ts";
import type { Scope } from "../scope.ts";
import { pointerMemo } from "./pointer-memo.ts";

const memo = pointerMemo();

/** @returns `null` when nothing was ever released to this target. */
export function findPointer(scope: Scope, project: string, target: string): Promise<Pointer | null> {
  const name = pointerName(project, target);
  return memo.get(
    name,
    scope.clock,
    scope.keepAlive,
    () => shared(scope, name),
    () => copy(scope, project, target),
  );
}

/** In production a location shares one read a second through its Cache API, however many isolates it runs. */
async function shared(scope: Scope, name: string): Promise<Pointer | null> {
  const seconds = Number(scope.env.POINTER_CACHE_SECONDS ?? 0);
  if (seconds === 0) return read(scope, name);
  const cache = await caches.open("pointers");
  const url = `https://pointers.internal/${encodeURIComponent(name)}`;
  const hit = await cache.match(url);
  if (hit) return known(await hit.json());
  const pointer = await read(scope, name);
  const answer = Response.json(pointer, { headers: { "cache-control": `max-age=${seconds}` } });
  scope.keepAlive(cache.put(url, answer));
  return pointer;
}

async function read(scope: Scope, name: string): Promise<Pointer | null> {
  const { POINTERS } = scope.env;
  return known(await POINTERS.get(POINTERS.idFromName(name)).read());
}

async function copy(scope: Scope, project: string, target: string): Promise<Pointer | null> {
  return known(await scope.env.SNAPSHOTS.get<Pointer>(pointerKey(project, target), "json"));
}

/** A router that meets a shape newer than itself keeps what it has. */
function known(pointer: Pointer | null): Pointer | null {
  if (pointer && pointer.v > POINTER_VERSION) throw new Error(`pointer of version ${pointer.v}`);
  return pointer;
}
