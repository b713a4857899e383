/** NDJSON of log rows → server-sent events (WHATWG HTML, 9.2). Knows neither objects nor requests. */
import type { LogRow } from "./policy.ts";

/**
 * A row becomes an event with its `seq` as id, so that a browser resumes by itself after a cut; a heartbeat becomes a
 * comment. The last event is `end`: without it a browser would come back for ever.
 */
export function toServerSentEvents(): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let rest = "";
  return new TransformStream({
    start: (controller) => controller.enqueue(encoder.encode("retry: 1000\n\n")),
    transform(chunk, controller) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      const events = lines.map((line) =>
        line === "" ? ": alive\n\n" : `id: ${(JSON.parse(line) as LogRow).seq}\ndata: ${line}\n\n`,
      );
      controller.enqueue(encoder.encode(events.join("")));
    },
    flush: (controller) => controller.enqueue(encoder.encode("event: end\ndata: {}\n\n")),
  });
}
