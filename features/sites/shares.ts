/**
 * Shares a number of bytes among tasks that together would need more than a Worker has (128 MB on Cloudflare). First
 * come, first served; it knows nothing of what the bytes are for.
 */
export class Shares {
  #free: number;
  readonly #total: number;
  readonly #waiting: { bytes: number; go: () => void }[] = [];

  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  /** Resolves once they are free. More than there is counts as all. @returns Gives them back; call it once. */
  async take(bytes: number): Promise<() => void> {
    const asked = Math.min(bytes, this.#total);
    if (this.#waiting.length > 0 || this.#free < asked) {
      await new Promise<void>((go) => this.#waiting.push({ bytes: asked, go }));
    } else this.#free -= asked;
    return () => this.#give(asked);
  }

  #give(bytes: number): void {
    this.#free += bytes;
    for (let next = this.#waiting[0]; next && next.bytes <= this.#free; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#free -= next.bytes;
      next.go();
    }
  }
}
