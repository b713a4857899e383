/**
 * What the agent knows when nobody answers it: who it is, and what it was last told to run. Each file carries its own
 * digest; one that can't be trusted is set aside, and what it held comes again with the next snapshot.
 */
import { createHash } from "node:crypto";
import type { Desired } from "@cloudify/protocol";
import type { Log, Storage } from "./seams.ts";

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

export interface Identity {
  /** Names this installation. */
  holder: string;
  /** `null` until the region token is exchanged. */
  credential: string | null;
  /** The one before, until the present one has worked once: an answer that was lost may have been the last word. */
  previous: string | null;
  region: string;
  name: string;
}

/** The last good word of the control plane. */
export interface LastGood {
  /** Of the lease under which it was applied. */
  epoch: number;
  /** What the edge proves itself with. */
  ingressKey: string | null;
  cursor: number;
  items: Desired[];
  /** Run here, though the last snapshot did not name them: only a tombstone ends a workload. */
  kept: Desired[];
}

const isCovered = (text: string): boolean => {
  const at = text.indexOf("\n");
  return at > 0 && text.slice(0, at) === sha256(text.slice(at + 1));
};

export function save(storage: Storage, name: string, value: unknown): void {
  const text = JSON.stringify(value);
  storage.write(name, `${sha256(text)}\n${text}`);
}

/** @returns `null` when there is none, or none that can be trusted. */
export function load<T>(storage: Storage, name: string, log: Log): T | null {
  const text = storage.read(name);
  if (text === null) return null;
  if (isCovered(text)) return JSON.parse(text.slice(text.indexOf("\n") + 1)) as T;
  log("error", `The file ${name} of the agent's home is damaged; it was set aside, and is not used.`, {
    file: name,
    fix: "Nothing needs to be done: what it held comes again from the control plane. Look at the disk if it happens again.",
  });
  storage.setAside(name);
  return null;
}

export const IDENTITY = "identity.json";
export const LAST_GOOD = "desired.json";
