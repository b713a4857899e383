/**
 * Writes behind a fence. Each write is read, judged, and made under the version that was read, so that whoever was
 * overtaken in between is refused by the API server itself and judges again.
 *
 * What an object's own stamp can't tell (there is none yet, or no more) the region's Lease tells: it holds the highest
 * epoch that ever wrote here.
 */
import type { Applied, Stamp } from "../driver.ts";
import { FIELD_MANAGER, type Kube, KubeError } from "./client.ts";
import { judge } from "./fence.ts";
import type { Plural, Served } from "./kinds.ts";
import { ANNOTATION, LABEL, MANAGER } from "./names.ts";
import type { KubeObject } from "./types.ts";

/** Conflicts are others' progress; so many in a row are not. */
const MAX_TRIES = 8;
const FENCE = "cloudify-region";
/** The server says these once and for all: the same request fails the same way. */
const PERMANENT = [400, 413, 415, 422];

export interface Written {
  plural: Plural;
  object: KubeObject;
}

const fenced = (detail: string): Applied => ({ ok: false, reason: "fenced", detail });

export class FencedStore {
  readonly #kube: Kube;
  readonly #served: Served;

  constructor(kube: Kube, served: Served) {
    this.#kube = kube;
    this.#served = served;
  }

  /** All of them or as many as there were before the first refusal; said again, it changes nothing. */
  put(wanted: readonly Written[], stamp: Stamp, signal: AbortSignal): Promise<Applied> {
    return this.#fencedBy(stamp, async () => {
      const made: Written[] = [];
      for (const one of wanted) {
        signal.throwIfAborted();
        const applied = await this.#put(one, stamp, made);
        if (!applied.ok) return applied;
      }
      // Where nothing was, no version guards against a successor who came in between.
      if (made.length > 0 && !(await this.#holds(stamp.epoch))) {
        for (const { plural, object } of made) await this.#undo(plural, object);
        return fenced("a newer holder of the region came in between");
      }
      return { ok: true };
    });
  }

  /** What is there under these names and not newer. */
  remove(
    names: readonly { plural: Plural; name: string }[],
    stamp: Stamp,
    signal: AbortSignal,
  ): Promise<Applied> {
    return this.#fencedBy(stamp, async () => {
      for (const { plural, name } of names) {
        signal.throwIfAborted();
        const applied = await this.#remove(plural, name, stamp);
        if (!applied.ok) return applied;
      }
      return { ok: true };
    });
  }

  /** Makes an epoch known, so that older ones are refused from here on. @returns Whether it is the newest. */
  async hold(epoch: number): Promise<boolean> {
    const path = this.#served.path("leases", FENCE);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const stored = await this.#kube.get(path);
      const held = epochOf(stored);
      if (held !== null && held >= epoch) return held === epoch;
      const metadata = {
        ...(stored?.metadata ?? { name: FENCE }),
        labels: { ...stored?.metadata.labels, [LABEL.managedBy]: MANAGER },
        annotations: { ...stored?.metadata.annotations, [ANNOTATION.epoch]: String(epoch) },
      };
      const lease = { ...this.#served.head("leases"), metadata, spec: { leaseTransitions: epoch } };
      const isMade = await unlessConflict(
        stored ? this.#kube.put(path, lease) : this.#kube.create(this.#served.path("leases"), lease),
      );
      if (isMade) return true;
    }
    throw new Error(`the Lease ${FENCE} is contended`);
  }

  async #holds(epoch: number): Promise<boolean> {
    const held = epochOf(await this.#kube.get(this.#served.path("leases", FENCE)));
    return held !== null && held <= epoch;
  }

  async #fencedBy(stamp: Stamp, act: () => Promise<Applied>): Promise<Applied> {
    try {
      if (!(await this.hold(stamp.epoch))) return fenced(`epoch ${stamp.epoch} is over`);
      return await act();
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      const reason = PERMANENT.includes(error.code) ? "invalid" : "failed";
      return { ok: false, reason, detail: `${error.code} ${error.message}` };
    }
  }

  async #put({ plural, object }: Written, stamp: Stamp, made: Written[]): Promise<Applied> {
    const path = this.#served.path(plural, object.metadata.name);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const stored = await this.#kube.get(path);
      const refused = refusalOf(stored, stamp, plural);
      if (refused) return refused;
      if (stored && isCreatedOnly(stored)) {
        await this.#own(path, stored);
        continue;
      }
      if (stored) {
        const { uid, resourceVersion } = versionOf(stored);
        const next = { ...object, metadata: { ...object.metadata, uid, resourceVersion } };
        if (await unlessConflict(this.#kube.apply(path, next))) return { ok: true };
        continue;
      }
      const created = await unlessConflict(this.#kube.create(this.#served.path(plural), object));
      if (!created) continue;
      made.push({ plural, object: created });
    }
    return { ok: false, reason: "failed", detail: `${plural} ${object.metadata.name} is contended` };
  }

  /**
   * Apply can't say "only if there is none", so the first write is a create. Its fields are made ours as applied ones, for
   * else those that a later apply leaves out would stay; and an apply follows, which leaves out what was only a default (the
   * number of replicas, which is the autoscaler's).
   *
   * @returns Whether it is so; else it was changed meanwhile, by its controller, say.
   */
  async #own(path: string, { metadata }: KubeObject): Promise<boolean> {
    const fields = metadata.managedFields ?? [];
    const value = fields.map((one) => (isCreation(one) ? { ...one, operation: "Apply" } : one));
    const operations = [
      { op: "test", path: "/metadata/resourceVersion", value: metadata.resourceVersion },
      { op: "replace", path: "/metadata/managedFields", value },
    ];
    try {
      return (await unlessConflict(this.#kube.patch(path, operations))) !== null;
    } catch (error) {
      // How a server says that the test failed.
      if (error instanceof KubeError && error.code === 422) return false;
      throw error;
    }
  }

  async #remove(plural: Plural, name: string, stamp: Stamp): Promise<Applied> {
    const path = this.#served.path(plural, name);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const stored = await this.#kube.get(path);
      if (!stored || stored.metadata.deletionTimestamp) return { ok: true };
      const refused = refusalOf(stored, stamp, plural);
      if (refused) return refused;
      if (await unlessConflict(this.#kube.remove(path, versionOf(stored)).then(() => true)))
        return { ok: true };
    }
    return { ok: false, reason: "failed", detail: `${plural} ${name} is contended` };
  }

  /** Ours alone: not what somebody has written to since. */
  async #undo(plural: Plural, { metadata }: KubeObject): Promise<void> {
    const path = this.#served.path(plural, metadata.name);
    const stored = await this.#kube.get(path);
    if (stored?.metadata.uid !== metadata.uid || !stored) return;
    if (stored.metadata.annotations?.[ANNOTATION.epoch] !== metadata.annotations?.[ANNOTATION.epoch]) return;
    await unlessConflict(this.#kube.remove(path, versionOf(stored)).then(() => true));
  }
}

const isCreation = (one: { manager: string; operation: string; subresource?: string }): boolean =>
  one.manager === FIELD_MANAGER && one.operation === "Update" && !one.subresource;
const isCreatedOnly = ({ metadata }: KubeObject): boolean => (metadata.managedFields ?? []).some(isCreation);

function refusalOf(stored: KubeObject | null, stamp: Stamp, plural: Plural): Applied | null {
  switch (judge(stored, stamp)) {
    case "write":
      return null;
    case "fenced":
      return fenced(`${plural} ${stored?.metadata.name} is of a newer epoch or generation`);
    case "foreign": {
      const detail = `${plural} ${stored?.metadata.name} exists and was not made by the agent`;
      return { ok: false, reason: "invalid", detail };
    }
  }
}

function epochOf(lease: KubeObject | null): number | null {
  const epoch = Number(lease?.metadata.annotations?.[ANNOTATION.epoch] ?? Number.NaN);
  return Number.isSafeInteger(epoch) ? epoch : null;
}

function versionOf({ metadata }: KubeObject): { uid: string; resourceVersion: string } {
  return { uid: metadata.uid ?? "", resourceVersion: metadata.resourceVersion ?? "" };
}

/** @returns `null` when somebody else was faster: it was there already, is gone, or has another version. */
async function unlessConflict<T>(result: Promise<T>): Promise<T | null> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof KubeError && (error.code === 409 || error.code === 404)) return null;
    throw error;
  }
}
