/** All that the agent's core takes from outside, so that the simulation can turn time and break the network by hand. */
import type { Clock } from "./clock.ts";

export type Level = "debug" | "info" | "warn" | "error";
/** @param fields Never holds a secret. */
export type Log = (level: Level, message: string, fields?: Record<string, unknown>) => void;

/** Small files by name; names may have folders. Nothing here throws but `write` and `append`, on a full disk. */
export interface Storage {
  read(name: string): string | null;
  /** All or nothing, and only for the agent's own user. */
  write(name: string, text: string): void;
  append(name: string, text: string): void;
  remove(name: string): void;
  /** Names of files in a folder, with it. */
  list(folder: string): string[];
  /** Keeps what can't be read for whoever wants to know why. */
  setAside(name: string): void;
}

export interface Seams {
  clock: Clock;
  /** 0 to 1. */
  random(): number;
  fetch(url: string, init: RequestInit): Promise<Response>;
  storage: Storage;
  log: Log;
}
