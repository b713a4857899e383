import fc from "fast-check";
import { expect, test } from "vitest";
import { toServerSentEvents } from "./server-sent.ts";

test("however the bytes are cut, each row is one event with its seq, and the end is said", async () => {
  const rows = fc.array(fc.record({ seq: fc.nat(), text: fc.string({ unit: "binary" }) }), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(rows, fc.array(fc.nat(200), { maxLength: 6 }), async (all, cuts) => {
      const bytes = new TextEncoder().encode(all.map((row) => `${JSON.stringify(row)}\n`).join("\n"));
      const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
      const pieces = places.slice(1).map((to, i) => bytes.slice(places[i], to));
      const source = new ReadableStream<Uint8Array>({
        start(controller) {
          for (const piece of pieces) controller.enqueue(piece);
          controller.close();
        },
      });
      const text = await new Response(source.pipeThrough(toServerSentEvents())).text();
      const events = text.split("\n\n").filter((event) => event !== "" && event !== ": alive");
      const wanted = all.map((row) => `id: ${row.seq}\ndata: ${JSON.stringify(row)}`);
      expect(events).toEqual(["retry: 1000", ...wanted, "event: end\ndata: {}"]);
    }),
  );
});
