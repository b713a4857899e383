/** Up to where the feed is applied: batch by batch, in order, each once all of it is done. Pure but for its own count. */

interface Batch {
  cursor: number;
  digest: string;
  left: number;
}

export interface Applied {
  cursor: number;
  digest: string;
}

export class Progress {
  #batches: Batch[] = [];
  applied: Applied;

  constructor(applied: Applied) {
    this.applied = applied;
  }

  /** @returns To be called once for each of `count` things, when it is done. */
  begin({ cursor, digest }: Applied, count: number): () => void {
    const batch = { cursor, digest, left: count };
    this.#batches.push(batch);
    this.#settle();
    return () => {
      batch.left -= 1;
      this.#settle();
    };
  }

  get isDone(): boolean {
    return this.#batches.length === 0;
  }

  #settle(): void {
    for (let first = this.#batches[0]; first && first.left <= 0; first = this.#batches[0]) {
      this.applied = { cursor: first.cursor, digest: first.digest };
      this.#batches.shift();
    }
  }
}
