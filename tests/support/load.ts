/** Requests at a steady rate, whether or not those before have been answered, and what became of each. */
import { until } from "./platform.ts";

export interface Outcome {
  /** Counts the requests in the order in which they were begun. */
  n: number;
  /** Unix milliseconds. */
  beganAt: number;
  endedAt: number;
  /** That answered; `null`: none did. */
  region: string | null;
  text: string;
  /** What was wrong; `null`: it was answered with 200. */
  failure: string | null;
}

/** Of requests at once, as seconds of them: longer than an ingress is silent before it is known, but not for ever. */
const MOST_SECONDS = 6;
const PATIENCE_MS = 40_000;

export class Load {
  readonly outcomes: Outcome[] = [];
  readonly #regions = new Map<string | null, number>();
  readonly #open = new Set<Promise<void>>();
  readonly #ask: (n: number) => Promise<Response>;
  readonly #begunAt = Date.now();
  readonly #timer: NodeJS.Timeout;
  #asked = 0;
  /** How many were answered, while they were begun. */
  aSecond = 0;

  constructor(ask: (n: number) => Promise<Response>, aSecond = 200) {
    this.#ask = ask;
    const most = MOST_SECONDS * aSecond;
    this.#timer = setInterval(() => {
      const due = ((Date.now() - this.#begunAt) / 1_000) * aSecond;
      for (; this.#asked < due && this.#open.size < most; this.#asked++) {
        const asking = this.#one(this.#asked);
        this.#open.add(asking);
        void asking.finally(() => this.#open.delete(asking));
      }
    }, 5);
  }

  /** @param region `null`: any. */
  count(region: string | null): number {
    return region === null ? this.outcomes.length : (this.#regions.get(region) ?? 0);
  }

  /** Waits for so many more answers. @param region `null`: from any. */
  more(region: string | null, answers: number, limitMs = PATIENCE_MS): Promise<unknown> {
    const enough = this.count(region) + answers;
    return until(async () => this.count(region) >= enough, limitMs);
  }

  get failures(): string[] {
    return this.outcomes.flatMap(({ failure }) => failure ?? []);
  }

  get slowestMs(): number {
    return this.outcomes.reduce((most, { beganAt, endedAt }) => Math.max(most, endedAt - beganAt), 0);
  }

  /** Begins no more, and waits for those under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const seconds = (Date.now() - this.#begunAt) / 1_000;
    this.aSecond = Math.round(this.outcomes.length / seconds);
    await Promise.all(this.#open);
  }

  async #one(n: number): Promise<void> {
    const beganAt = Date.now();
    let [region, text, failure]: [string | null, string, string | null] = [null, "", null];
    try {
      const found = await this.#ask(n);
      region = found.headers.get("x-cloudify-region");
      text = await found.text();
      if (found.status !== 200) failure = `${found.status} ${text}`;
    } catch (error) {
      failure = String(error);
    }
    this.#regions.set(region, (this.#regions.get(region) ?? 0) + 1);
    this.outcomes.push({ n, beganAt, endedAt: Date.now(), region, text, failure });
  }
}

/** Loads for as long as `act` takes. */
export async function under(
  ask: (n: number) => Promise<Response>,
  act: (load: Load) => Promise<void>,
  aSecond = 200,
): Promise<Load> {
  const load = new Load(ask, aSecond);
  try {
    await act(load);
  } finally {
    await load.stop();
  }
  return load;
}
