import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Candidate, distanceKm, placeOf, ranked, type Standing, type Visitor } from "./select.ts";

const fra = { id: "fra", latitude: 50.11, longitude: 8.68 };
const iad = { id: "iad", latitude: 38.95, longitude: -77.45 };
const sin = { id: "sin", latitude: 1.35, longitude: 103.99 };

const ready = { weight: 1, load: null, standing: "ready", isFailover: false } as const;
const three: Candidate[] = [fra, iad, sin].map((one) => ({ ...one, ...ready }));

const CITIES = {
  Berlin: [52.52, 13.405, "fra"],
  London: [51.507, -0.128, "fra"],
  Lagos: [6.524, 3.379, "fra"],
  Cairo: [30.044, 31.236, "fra"],
  NewYork: [40.713, -74.006, "iad"],
  SanFrancisco: [37.775, -122.419, "iad"],
  SaoPaulo: [-23.55, -46.633, "iad"],
  MexicoCity: [19.433, -99.133, "iad"],
  Tokyo: [35.677, 139.65, "sin"],
  Sydney: [-33.869, 151.209, "sin"],
  Mumbai: [19.076, 72.878, "sin"],
  Jakarta: [-6.208, 106.846, "sin"],
} as const;

const visitors = (place: fc.Arbitrary<Visitor["place"]>): fc.Arbitrary<Visitor> =>
  fc.record({ place, key: fc.string(), region: fc.constant(null) });
const places = fc.record({
  latitude: fc.double({ min: -90, max: 90, noNaN: true }),
  longitude: fc.double({ min: -180, max: 180, noNaN: true }),
});
const standings = fc.constantFrom<Standing>("ready", "reserve", "lacking", "down");
const candidates = fc.uniqueArray(
  fc
    .tuple(
      fc.stringMatching(/^[a-z]{3}$/),
      places,
      fc.integer({ min: 0, max: 100 }),
      fc.option(fc.double({ min: 0, max: 2, noNaN: true })),
      standings,
      fc.boolean(),
    )
    .map(([id, place, weight, load, standing, isFailover]): Candidate => {
      return { id, ...place, weight, load, standing, isFailover };
    }),
  { selector: ({ id }) => id, maxLength: 12 },
);

describe("for every visitor and every state of the regions", () => {
  test("each region stands in the order exactly once", () => {
    fc.assert(
      fc.property(candidates, visitors(fc.option(places)), (all, visitor) => {
        const order = ranked(all, visitor);
        expect(order).toHaveLength(all.length);
        expect(new Set(order)).toEqual(new Set(all));
      }),
    );
  });

  test("no failover region is first, nor a visitor kept there, while another is ready", () => {
    fc.assert(
      fc.property(candidates, visitors(fc.option(places)), fc.nat(11), (all, visitor, i) => {
        const order = ranked(all, { ...visitor, region: all[i]?.id ?? null });
        const lastReady = order.findLastIndex((one) => one.standing === "ready" && !one.isFailover);
        const firstFailover = order.findIndex(({ isFailover }) => isFailover);
        if (firstFailover !== -1) expect(firstFailover).toBeGreaterThan(lastReady);
        // A failover region that is ready goes before every other that is not.
        const lastFailover = order.findLastIndex((one) => one.standing === "ready" && one.isFailover);
        const firstOther = order.findIndex((one) => one.standing !== "ready");
        if (firstOther !== -1) expect(firstOther).toBeGreaterThan(lastFailover);
      }),
    );
  });

  test("failover regions of one standing are asked in their order, wherever the visitor is", () => {
    fc.assert(
      fc.property(candidates, visitors(fc.option(places)), standings, (all, visitor, standing) => {
        const isMeant = (one: Candidate) => one.isFailover && one.standing === standing;
        expect(ranked(all, visitor).filter(isMeant)).toEqual(all.filter(isMeant));
      }),
    );
  });

  test("a nearer region is never behind a farther one that stands no better", () => {
    const rank: Record<Standing, number> = { ready: 0, reserve: 1, lacking: 2, down: 3 };
    fc.assert(
      fc.property(candidates, places, fc.string(), (all, place, key) => {
        const order = ranked(all, { place, key, region: null });
        for (const [i, later] of order.entries()) {
          for (const earlier of order.slice(0, i)) {
            expect(rank[earlier.standing]).toBeLessThanOrEqual(rank[later.standing]);
            if (earlier.standing !== later.standing || later.isFailover) continue;
            expect(earlier.isFailover).toBe(false);
            // What differs by no more than 50 km is equally near.
            expect(distanceKm(place, earlier)).toBeLessThanOrEqual(distanceKm(place, later) + 50.001);
          }
        }
      }),
    );
  });

  test("the same visitor is given the same order", () => {
    fc.assert(
      fc.property(candidates, visitors(places), fc.infiniteStream(fc.nat()), (some, visitor, by) => {
        // Failover regions are given in an order that means something.
        const all = some.map((one) => ({ ...one, isFailover: false }));
        const shuffled = all
          .map((one) => ({ one, by: by.next().value }))
          .sort((left, right) => left.by - right.by)
          .map(({ one }) => one);
        expect(ranked(shuffled, visitor)).toEqual(ranked(all, visitor));
      }),
    );
  });
});

test.each(Object.entries(CITIES))("%s lands where a map says", (_, [latitude, longitude, region]) => {
  const place = { latitude, longitude };
  const byMap = three.toSorted((left, right) => cosine(place, left) - cosine(place, right));
  const order = ranked(three, { place, key: "", region: null });
  expect(order).toEqual(byMap);
  expect(order[0]?.id).toBe(region);
});

test("distances are those of another formula", () => {
  fc.assert(
    fc.property(places, places, (from, to) => {
      // The cosine's inverse loses what is nearer than some metres.
      expect(Math.abs(distanceKm(from, to) - cosine(from, to))).toBeLessThan(0.5);
    }),
  );
});

/** By the law of cosines on the sphere. */
function cosine(from: { latitude: number; longitude: number }, to: { latitude: number; longitude: number }) {
  const turn = Math.PI / 180;
  const part =
    Math.sin(from.latitude * turn) * Math.sin(to.latitude * turn) +
    Math.cos(from.latitude * turn) *
      Math.cos(to.latitude * turn) *
      Math.cos((to.longitude - from.longitude) * turn);
  return 6_371 * Math.acos(Math.min(1, Math.max(-1, part)));
}

describe("two regions in one city", () => {
  const city = (id: string, weight: number, load: number | null = null): Candidate => ({
    ...fra,
    id,
    weight,
    load,
    standing: "ready",
    isFailover: false,
  });
  const firsts = (all: Candidate[]) => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 4_000; i++) {
      const id = ranked(all, { place: fra, key: `visitor ${i}`, region: null })[0]?.id ?? "";
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return (id: string) => (counts.get(id) ?? 0) / 4_000;
  };

  test("share the visitors by weight", () => {
    expect(firsts([city("one", 3), city("two", 1)])("one")).toBeCloseTo(0.75, 1);
  });

  test("leave more to the one that has more room", () => {
    expect(firsts([city("one", 1, 0.8), city("two", 1, 0.2)])("two")).toBeCloseTo(0.8, 1);
    expect(firsts([city("one", 1, 1), city("two", 1, 0)])("one")).toBeGreaterThan(0);
  });

  test("move only the visitors whom a change of weight is about", () => {
    for (let i = 0; i < 500; i++) {
      const of = (weight: number) =>
        ranked([city("one", weight), city("two", 1)], { place: fra, key: `${i}`, region: null })[0]?.id;
      if (of(1) === "one") expect(of(2)).toBe("one");
    }
  });
});

test("without a place the failover order counts", () => {
  const order = ranked(three.toReversed(), { place: null, key: "any", region: null });
  expect(order.map(({ id }) => id)).toEqual(["sin", "iad", "fra"]);
});

test("a region that drains, or has no weight, comes after every other that can serve, and before those that can't", () => {
  const all = three.map((one) => ({
    ...one,
    standing: one.id === "fra" ? ("reserve" as const) : one.id === "iad" ? ("down" as const) : one.standing,
  }));
  const order = ranked(all, { place: fra, key: "", region: null });
  expect(order.map(({ id }) => id)).toEqual(["sin", "fra", "iad"]);
});

test("a visitor stays in a region as long as that takes new requests", () => {
  const kept: Visitor = { place: fra, key: "", region: "sin" };
  expect(ranked(three, kept)[0]?.id).toBe("sin");
  for (const standing of ["reserve", "lacking", "down"] as const) {
    const all = three.map((one) => (one.id === "sin" ? { ...one, standing } : one));
    expect(ranked(all, kept)[0]?.id).toBe("fra");
  }
});

test("a visitor is kept in a failover region only as long as no other can serve", () => {
  const kept: Visitor = { place: iad, key: "", region: "sin" };
  const of = (standing: Standing) =>
    three.map((one) => (one.id === "fra" ? { ...one, standing } : { ...one, isFailover: true }));
  expect(ranked(of("down"), kept).map(({ id }) => id)).toEqual(["sin", "iad", "fra"]);
  expect(ranked(of("reserve"), kept).map(({ id }) => id)).toEqual(["sin", "iad", "fra"]);
  expect(ranked(of("ready"), kept).map(({ id }) => id)).toEqual(["fra", "sin", "iad"]);
});

test("a place is what Cloudflare says, and nothing that is not on Earth", () => {
  expect(placeOf({ latitude: "50.11", longitude: "8.68" })).toEqual({ latitude: 50.11, longitude: 8.68 });
  for (const [latitude, longitude] of [
    [undefined, "8"],
    ["", ""],
    ["north", "8"],
    ["91", "8"],
    ["50", "181"],
    [null, null],
  ])
    expect(placeOf({ latitude, longitude })).toBeNull();
});
