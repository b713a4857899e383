/**
 * A copy of the objects of one kind, kept by list and watch. It outlives the end of any watch: the server's own time-outs,
 * a lost connection, a restart of the server, and a version that the server has forgotten (410), which needs a new list.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type Kube, KubeError } from "./client.ts";
import type { KubeObject } from "./types.ts";

/** The server ends a watch after so long; the next one goes on where it stood. */
const WATCH_SECONDS = 240;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 10_000;

type WatchEvent<T> =
  | { type: "ADDED" | "MODIFIED" | "DELETED"; object: T }
  | { type: "BOOKMARK"; object: { metadata: { resourceVersion: string } } }
  | { type: "ERROR"; object: { code?: number; reason?: string; message?: string } };

export interface Changes<T> {
  /** @param object `null` when it is gone; `was` is then what it was. */
  onChange(object: T | null, was: T | null): void;
  /** `null`: the server was heard. An error: the connection is broken, which is mended without help. */
  onReach(error: Error | null): void;
}

export class Mirror<T extends KubeObject> {
  readonly objects = new Map<string, T>();
  readonly #kube: Kube;
  readonly #path: string;
  readonly #query: Record<string, string>;
  readonly #changes: Changes<T>;

  constructor(kube: Kube, path: string, query: Record<string, string>, changes: Changes<T>) {
    this.#kube = kube;
    this.#path = path;
    this.#query = query;
    this.#changes = changes;
  }

  /** Lists once. @throws When that fails: nothing is known then. */
  async fill(): Promise<string> {
    const { items, metadata } = await this.#kube.list<T>(this.#path, this.#query);
    this.#changes.onReach(null);
    const names = new Set(items.map((item) => item.metadata.name));
    for (const name of [...this.objects.keys()]) if (!names.has(name)) this.#take(name, null);
    for (const item of items) {
      const known = this.objects.get(item.metadata.name);
      if (known?.metadata.resourceVersion !== item.metadata.resourceVersion)
        this.#take(item.metadata.name, item);
    }
    return metadata.resourceVersion;
  }

  /** Follows until aborted. @param version Of {@link fill}. */
  async follow(version: string, signal: AbortSignal): Promise<void> {
    let from: string | null = version;
    for (let faults = 0; !signal.aborted; ) {
      try {
        from ??= await this.fill();
        from = await this.#watch(from, signal);
        faults = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof KubeError && error.code === 410)) this.#changes.onReach(error as Error);
        // What was missed meanwhile is not known: from the list again.
        from = null;
        const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** faults++);
        await pause(Math.random() * longest, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #watch(from: string, signal: AbortSignal): Promise<string> {
    const query = new URLSearchParams({
      ...this.#query,
      watch: "true",
      allowWatchBookmarks: "true",
      timeoutSeconds: String(WATCH_SECONDS),
      resourceVersion: from,
    });
    let version = from;
    for await (const line of this.#kube.lines(`${this.#path}?${query}`, signal)) {
      const event = JSON.parse(line) as WatchEvent<T>;
      if (event.type === "ERROR") {
        throw new KubeError(event.object.code ?? 500, event.object.reason ?? "", event.object.message ?? "");
      }
      version = event.object.metadata.resourceVersion ?? version;
      if (event.type === "BOOKMARK") continue;
      this.#take(event.object.metadata.name, event.type === "DELETED" ? null : event.object);
    }
    return version;
  }

  #take(name: string, object: T | null): void {
    const was = this.objects.get(name) ?? null;
    if (object) this.objects.set(name, object);
    else this.objects.delete(name);
    this.#changes.onChange(object, was);
  }
}
