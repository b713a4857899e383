/** Three regions that no other test shares, as a map has them, and a site that runs in them. */
import type { TestEdge, TestSite } from "#tests/support/edge.ts";
import { type Ask, get } from "#tests/support/http.ts";
import { type Heard, Ingress } from "#tests/support/ingress.ts";

const PLACES = { fra: [50.11, 8.68], iad: [38.95, -77.45], sin: [1.35, 103.99] } as const;
type Name = keyof typeof PLACES;
const NAMES = Object.keys(PLACES) as Name[];

const Berlin = { latitude: 52.52, longitude: 13.405 };
/** Of the gate, with CLOUDIFY_TEST_CF. */
export const at = (place: object): Record<string, string> => ({
  "x-cloudify-test-cf": JSON.stringify(place),
});

/** What a test's function says of itself. */
export interface Said extends Heard {
  region: string;
  function: string;
}

export class World {
  readonly fra: Ingress;
  readonly iad: Ingress;
  readonly sin: Ingress;
  site = "";
  readonly #edge: TestEdge;
  readonly #name: string;

  constructor(edge: TestEdge, name: string) {
    this.#edge = edge;
    this.#name = name;
    [this.fra, this.iad, this.sin] = NAMES.map((one) => new Ingress(one, `key-of-${name}-${one}`)) as [
      Ingress,
      Ingress,
      Ingress,
    ];
  }

  async start(more: Partial<TestSite> = {}): Promise<this> {
    await Promise.all(NAMES.map((one) => this[one].start()));
    for (const one of NAMES) await this.put(one);
    const functions = {
      "api/echo": { group: "g0", maxDuration: 10 },
      "api/stream": { group: "g0", maxDuration: 10 },
    };
    const regions = NAMES.map((one) => this.id(one));
    this.site = await this.#edge.putSite({ name: this.#name, functions, regions, ...more });
    return this;
  }

  id(region: Name): string {
    return `${this.#name}-${region}`;
  }

  put(region: Name, more: { isDraining?: boolean; weight?: number } = {}): Promise<void> {
    const [latitude, longitude] = PLACES[region];
    const { key, origin: ingress } = this[region];
    return this.#edge.putRegion(this.id(region), {
      key,
      name: region,
      latitude,
      longitude,
      ingress,
      ...more,
    });
  }

  /** From Berlin, unless it says another place. */
  ask(path: string, ask: Ask = {}): Promise<Response> {
    return get(`${this.site}${path}`, { ...ask, headers: { ...at(Berlin), ...ask.headers } });
  }

  async regionOf(path = "/api/echo", ask: Ask = {}): Promise<string | null> {
    const found = await this.ask(path, ask);
    await found.body?.cancel();
    return found.headers.get("x-cloudify-region");
  }

  async stop(): Promise<void> {
    await Promise.all(NAMES.map((one) => this[one].kill()));
  }
}
