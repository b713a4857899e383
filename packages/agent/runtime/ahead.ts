/** What has been loaded and what could not be, and what follows for the process. Knows nothing of how functions are loaded. */

/** So long at most a process loads its functions before it takes requests; what is left is loaded when it is called. */
const AHEAD_LIMIT_MS = 5_000;
/** As long as none is loaded it is waited for longer: a process is not ready whose only module is about to throw. */
const FIRST_LIMIT_MS = 30_000;
/**
 * Node keeps what a module threw: only a new process loads it anew. Where others are served that costs them, so it is done
 * seldom: longer than the 10 minutes after which Kubernetes takes an end for the first one.
 */
const ANEW_AFTER_MS = 15 * 60_000;

export class Ahead {
  readonly #count: number;
  readonly #failed = new Map<string, number>();
  #hasLoaded = false;
  #found: () => void = () => {};
  readonly #first = new Promise<void>((resolve) => {
    this.#found = resolve;
  });

  /** @param count How many functions there are. */
  constructor(count: number) {
    this.#count = count;
  }

  succeeded(): void {
    this.#hasLoaded = true;
    this.#found();
  }

  /** @param now Unix milliseconds. */
  failed(name: string, now: number): void {
    this.#failed.set(name, now);
  }

  get isHopeless(): boolean {
    return this.#failed.size === this.#count;
  }

  /** Whether the process should make place for one that loads this function anew. */
  isWorthAnew(name: string, now: number): boolean {
    return !this.#hasLoaded || now - (this.#failed.get(name) ?? now) >= ANEW_AFTER_MS;
  }

  /** @param load Is called for one name after another; never rejects. */
  async all(names: Iterable<string>, load: (name: string) => Promise<void>): Promise<void> {
    const until = Date.now() + AHEAD_LIMIT_MS;
    const each = async (): Promise<void> => {
      for (const name of names) {
        if (Date.now() > until && this.#hasLoaded) return;
        await load(name);
      }
    };
    const done = each();
    await within(AHEAD_LIMIT_MS, [done]);
    if (!this.#hasLoaded) await within(FIRST_LIMIT_MS - AHEAD_LIMIT_MS, [done, this.#first]);
  }
}

async function within(limitMs: number, work: readonly Promise<void>[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([...work, late]);
  clearTimeout(timer);
}
