/**
 * A request's body that can be sent again from its beginning, as long as no more than 1 MiB of it has been read: that is
 * kept while it goes. More is passed on as it comes, once. So is more than 64 KiB of one that is known to be too large, or
 * for which there is no room.
 */
import type { Share } from "./kept.ts";

/** Of any body. */
const OWN_BYTES = 64 * 1024;
const MAX_BYTES = 1024 * 1024;

export class Body {
  /** Whether it can be sent from its beginning. */
  isWhole = true;
  /** The visitor broke it off. */
  isBroken = false;
  readonly #source: ReadableStreamDefaultReader<Uint8Array> | null;
  readonly #length: number | null;
  readonly #share: Share | null;
  #kept: Uint8Array[] = [];
  #bytes = 0;
  /** How many of those that are kept the last stream has passed. */
  #passed = 0;
  #reading: Promise<Uint8Array | null> | null = null;
  #streams = 0;

  /** @param share For what is more than 64 KiB; `null`: that need not be kept. */
  constructor({ body, headers }: Request, share: Share | null) {
    const length = headers.get("content-length");
    this.#source = body ? body.getReader() : null;
    this.#length = length === null ? null : Number(length);
    this.#share = (this.#length ?? 0) > MAX_BYTES ? null : share;
  }

  /** It is not sent from its beginning any more: what is kept goes as soon as the stream under way has passed it. */
  end(): void {
    this.isWhole = false;
    this.#forget();
  }

  /** From its beginning; it ends the one that was made before it. `null`: there is no body. */
  stream(): ReadableStream | null {
    if (!this.#source) return null;
    const { readable, writable } =
      this.#length === null ? new IdentityTransformStream() : new FixedLengthStream(this.#length);
    this.#streams++;
    this.#passed = 0;
    void this.#pump(this.#source, writable.getWriter(), this.#streams);
    return readable;
  }

  async #pump(
    source: ReadableStreamDefaultReader<Uint8Array>,
    writer: WritableStreamDefaultWriter<Uint8Array>,
    stream: number,
  ): Promise<void> {
    try {
      // One that is over may have read on, after it was found to be whole.
      if (stream > 1 && !this.isWhole) throw new Error("its beginning is gone");
      for (let i = 0; ; i++) {
        const chunk = this.#kept[i] ?? (await this.#next(source));
        if (stream !== this.#streams) throw new Error("another stream follows");
        if (!chunk) return await writer.close();
        this.#passed = i + 1;
        this.#forget();
        // An identity stream takes the memory of what it is given.
        await writer.write(this.isWhole ? chunk.slice() : chunk);
      }
    } catch (error) {
      await writer.abort(error).catch(() => undefined);
    } finally {
      if (stream === this.#streams) {
        this.#passed = Number.POSITIVE_INFINITY;
        this.#forget();
      }
    }
  }

  #forget(): void {
    if (this.isWhole || this.#passed < this.#kept.length) return;
    this.#kept = [];
    this.#share?.giveBack();
  }

  /** Two streams may wait for one chunk: one that is over, and the one that follows it. */
  #next(source: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array | null> {
    this.#reading ??= this.#read(source).finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #read(source: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array | null> {
    const { done, value } = await source.read().catch((error: unknown) => {
      this.isBroken = true;
      throw error;
    });
    if (done) return null;
    if (!this.isWhole) return value;
    this.#kept.push(value);
    this.#bytes += value.byteLength;
    if (!this.#mayKeep(value.byteLength)) this.isWhole = false;
    return value;
  }

  /** @param bytes The last of those that have been read. */
  #mayKeep(bytes: number): boolean {
    if (this.#bytes <= OWN_BYTES) return true;
    return this.#bytes <= MAX_BYTES && this.#share?.take(bytes) === true;
  }
}
