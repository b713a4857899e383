/** Reading a deployment's log, once or for as long as it goes on. */
import type { Ctx } from "#core/ctx.ts";
import { getRow } from "#features/deployments/read.ts";
import type { LogRow } from "./policy.ts";

const PAGE = 2_000;

interface EventsInput {
  after: number;
  follow: "0" | "1";
  /** `text/event-stream` wanted. */
  sse: boolean;
}

export async function events(
  ctx: Ctx,
  idOrHost: string,
  { after, follow, sse }: EventsInput,
): Promise<Response> {
  const { id } = await getRow(ctx, idOrHost);
  const log = ctx.objects.logs.get(ctx.objects.logs.idFromName(id));
  const lines = follow === "1" ? await log.follow(id, after) : once(ctx, id, after);
  const body = sse ? lines.pipeThrough(toServerSentEvents()) : lines;
  const type = sse ? "text/event-stream" : "application/x-ndjson";
  return new Response(body, { headers: { "content-type": type, "cache-control": "no-store" } });
}

function once(ctx: Ctx, id: string, from: number): ReadableStream<Uint8Array> {
  const log = ctx.objects.logs.get(ctx.objects.logs.idFromName(id));
  const encoder = new TextEncoder();
  let after = from;
  return new ReadableStream({
    async pull(controller) {
      const { rows } = await log.read(id, after, PAGE);
      after = rows.at(-1)?.seq ?? after;
      if (rows.length > 0)
        controller.enqueue(encoder.encode(rows.map((row) => `${JSON.stringify(row)}\n`).join("")));
      if (rows.length < PAGE) controller.close();
    },
  });
}

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
