import { setTimeout as pause } from "node:timers/promises";

/** Each number is sent when it is made; the line in the log is written after the answer. */
export function GET(_, { waitUntil }) {
  const body = new ReadableStream({
    async start(to) {
      for (let i = 1; i <= 5; i++) {
        to.enqueue(new TextEncoder().encode(`${i}\n`));
        await pause(200);
      }
      to.close();
    },
  });
  waitUntil(pause(2_000).then(() => console.log("counted to five")));
  return new Response(body, { headers: { "content-type": "text/plain" } });
}
