/**
 * A request's body that can be sent again from its beginning, as long as no more than 64 KiB of it have been read:
 * those are kept while they go. More is passed on as it comes, once.
 */

const KEPT_BYTES = 64 * 1024;

export class Body {
  /** Whether it can be sent from its beginning. */
  isWhole = true;
  /** The visitor broke it off. */
  isBroken = false;
  readonly #source: ReadableStreamDefaultReader<Uint8Array> | null;
  readonly #length: number | null;
  readonly #kept: Uint8Array[] = [];
  #bytes = 0;
  #reading: Promise<Uint8Array | null> | null = null;
  #streams = 0;

  constructor({ body, headers }: Request) {
    const length = headers.get("content-length");
    this.#source = body ? body.getReader() : null;
    this.#length = length === null ? null : Number(length);
  }

  /** From its beginning; it ends the one that was made before it. `null`: there is no body. */
  stream(): ReadableStream | null {
    if (!this.#source) return null;
    const { readable, writable } =
      this.#length === null ? new IdentityTransformStream() : new FixedLengthStream(this.#length);
    this.#streams++;
    void this.#pump(this.#source, writable.getWriter(), this.#streams);
    return readable;
  }

  async #pump(
    source: ReadableStreamDefaultReader<Uint8Array>,
    writer: WritableStreamDefaultWriter<Uint8Array>,
    stream: number,
  ): Promise<void> {
    try {
      for (let i = 0; ; i++) {
        const chunk = this.#kept[i] ?? (await this.#next(source));
        if (stream !== this.#streams) throw new Error("another stream follows");
        if (!chunk) return await writer.close();
        // An identity stream takes the memory of what it is given.
        await writer.write(this.isWhole ? chunk.slice() : chunk);
      }
    } catch (error) {
      await writer.abort(error).catch(() => undefined);
    }
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
    if (this.#bytes > KEPT_BYTES) this.isWhole = false;
    return value;
  }
}
