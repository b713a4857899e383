/** Who the agent is: it exchanges the region's token once, and keeps what it got before it uses it. */
import { backoffMs } from "./backoff.ts";
import type { Client } from "./client.ts";
import type { Seams } from "./seams.ts";
import { IDENTITY, type Identity, LAST_GOOD, load, save, sha256 } from "./state.ts";

/** It can't go on without somebody's help. */
export class IdentityError extends Error {}

const ANOTHER_TOKEN =
  "`cloudify regions token <name>` makes a new one, and ends whatever agent acts for the region; start this one with it " +
  "as CLOUDIFY_REGION_TOKEN.";

type Kept = Identity & { tokenDigest: string | null };

export class IdentityFile {
  #seams: Seams;
  #kept: Kept;

  constructor(seams: Seams) {
    this.#seams = seams;
    const fresh: Kept = {
      holder: newHolder(seams.random),
      credential: null,
      previous: null,
      region: "",
      name: "",
      tokenDigest: null,
    };
    this.#kept = load<Kept>(seams.storage, IDENTITY, seams.log) ?? fresh;
  }

  get current(): Identity {
    return this.#kept;
  }

  /** Of every call. */
  get credential(): string {
    return this.#kept.credential ?? "";
  }

  /** Written down before it is used: the one before ends with the first call that uses it. */
  next(credential: string): void {
    this.#save({ ...this.#kept, credential, previous: this.#kept.credential });
  }

  /** The present credential works. */
  worked(): void {
    if (this.#kept.previous !== null) this.#save({ ...this.#kept, previous: null });
  }

  /** The present one is not known, so perhaps it never came to be: the one before is tried once. */
  fellBack(): void {
    const { previous } = this.#kept;
    if (previous !== null) this.#save({ ...this.#kept, credential: previous, previous: null });
  }

  /**
   * Only if the token is another than the one that was exchanged last.
   *
   * @throws IdentityError when the token is refused, or there is neither token nor credential.
   */
  async exchange(client: Pick<Client, "exchange">, token: string | null, signal: AbortSignal): Promise<void> {
    const { clock, random, storage, log } = this.#seams;
    const isSpent = token === null || sha256(token) === this.#kept.tokenDigest;
    if (isSpent && this.#kept.credential !== null) return;
    if (token === null)
      throw new IdentityError(
        `There is no credential in the agent's home, and CLOUDIFY_REGION_TOKEN is not set. ${ANOTHER_TOKEN}`,
      );
    // The holder is known on disk before it is on the other side: a repetition is then the same installation's.
    this.#save(this.#kept);
    for (let failures = 1; !signal.aborted; failures++) {
      const answer = await client.exchange(token, { holder: this.#kept.holder });
      if (answer.ok) {
        const { region, name, credential } = answer.value;
        // Another region's workloads are none of this one's.
        if (this.#kept.region !== "" && this.#kept.region !== region) storage.remove(LAST_GOOD);
        this.#save({ ...this.#kept, region, name, credential, previous: null, tokenDigest: sha256(token) });
        log("info", `This is an agent of the region ${name}.`, { regionId: region });
        return;
      }
      if (answer.status === 401 || answer.status === 403) {
        if (this.#kept.credential !== null) {
          log("error", "The region's token was refused; the credential that is here is used.", {
            detail: answer.detail,
          });
          return;
        }
        throw new IdentityError(`The region's token was refused: ${answer.detail} ${ANOTHER_TOKEN}`);
      }
      log("warn", "The region's token could not be exchanged.", { code: answer.code, detail: answer.detail });
      await clock.wait(backoffMs(failures, random(), answer.retryAfterMs), signal);
    }
  }

  #save(kept: Kept): void {
    this.#kept = kept;
    save(this.#seams.storage, IDENTITY, kept);
  }
}

/** No secret: it need only be another than every other installation's. */
const newHolder = (random: () => number): string =>
  Array.from({ length: 4 }, () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, "0"),
  ).join("");
