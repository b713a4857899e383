/** Reading a deployment's log, once or for as long as it goes on. */
import type { Ctx } from "#core/ctx.ts";
import { reach } from "#features/deployments/objects.ts";
import { getRow } from "#features/deployments/read.ts";
import type { LogRow } from "./policy.ts";
import type { LogRpc, Until } from "./rpc.ts";
import { toServerSentEvents } from "./server-sent.ts";

const PAGE = 2_000;

interface EventsInput {
  after: number;
  follow: "0" | "1";
  until: Until;
  /** `text/event-stream` wanted. */
  sse: boolean;
}

export async function events(
  ctx: Ctx,
  idOrHost: string,
  { after, follow, until, sse }: EventsInput,
): Promise<Response> {
  const { id } = await getRow(ctx, idOrHost);
  const log = ctx.objects.logs.get(ctx.objects.logs.idFromName(id));
  const lines = await reach(async () =>
    follow === "1" ? await log.follow(id, after, until) : await once(log, id, after),
  );
  const body = sse ? lines.pipeThrough(toServerSentEvents()) : lines;
  const type = sse ? "text/event-stream" : "application/x-ndjson";
  return new Response(body, { headers: { "content-type": type, "cache-control": "no-store" } });
}

/** What there is, page by page as the reader takes it; the first is read at once, so that a failure is an answer. */
async function once(log: DurableObjectStub<LogRpc>, id: string, from: number) {
  const encoder = new TextEncoder();
  const textOf = (rows: LogRow[]) => encoder.encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  let { rows } = await log.read(id, from, PAGE);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (rows.length > 0) controller.enqueue(textOf(rows));
      if (rows.length < PAGE) return controller.close();
      ({ rows } = await log.read(id, rows.at(-1)?.seq ?? from, PAGE));
    },
  });
}
