import type { LogRequest } from "@cloudify/protocol";
import { expect, test } from "vitest";
import { memoryStorage } from "../../tests/support/memory-storage.ts";
import { VirtualClock } from "../../tests/support/virtual-clock.ts";
import type { Answer } from "./client.ts";
import { LogLoop } from "./log-loop.ts";

const refusal = (status: number, code: string): Answer<never> => ({
  ok: false,
  status,
  code,
  detail: "",
  retryAfterMs: null,
  extensions: {},
});

/** A control plane that keeps what it takes. @param judge `null`: it takes the request. */
function begin(judge: (request: LogRequest) => Answer<never> | null) {
  const clock = new VirtualClock();
  const over = new AbortController();
  const requests: LogRequest[] = [];
  const taken: { deployment: string; text: string; gap: number | undefined }[] = [];
  const loop = new LogLoop(
    { clock, random: () => 0.5, log: () => undefined, storage: memoryStorage(), fetch },
    {
      logs: async (request) => {
        requests.push(request);
        const refused = judge(request);
        if (refused) return refused;
        for (const { deployment, lines } of request.chunks)
          taken.push(...lines.map(({ text, gap }) => ({ deployment, text, gap })));
        return { ok: true, value: null };
      },
    },
    { granted: async () => 1, lost: () => undefined },
  );
  const running = loop.run(over.signal);
  return {
    clock,
    requests,
    taken,
    say: (deployment: string, text: string) =>
      loop.add(deployment, { stream: "build", at: clock.now(), level: "info", text }),
    async end() {
      over.abort();
      await clock.pass(0);
      await running;
    },
  };
}

test("a request is never larger than is taken, however its texts grow in JSON", async () => {
  const { clock, requests, taken, say, end } = begin((request) =>
    Buffer.byteLength(JSON.stringify(request)) > 5 * 1_024 * 1_024 ? refusal(413, "too_large") : null,
  );
  for (let n = 0; n < 300; n++) say("dpl_1", `${n} ${"\u001b".repeat(8_000)}`);
  await clock.pass(5_000);
  expect(requests.length).toBeGreaterThan(1);
  expect(taken.map(({ text }) => Number(text.split(" ")[0]))).toEqual(
    Array.from({ length: 300 }, (_, n) => n),
  );
  await end();
});

test("a line that is refused keeps nobody else's waiting, and its place is told of", async () => {
  const { clock, taken, say, end } = begin(({ chunks }) =>
    chunks.some(({ lines }) => lines.some(({ text }) => text === "bad"))
      ? refusal(400, "invalid_input")
      : null,
  );
  for (let n = 0; n < 400; n++) say(`dpl_${n % 3}`, n === 123 ? "bad" : `line ${n}`);
  await clock.pass(20_000);
  expect(taken.filter(({ gap }) => gap === undefined)).toHaveLength(399);
  expect(taken.filter(({ gap }) => gap !== undefined)).toMatchObject([{ deployment: "dpl_0", gap: 1 }]);
  await end();
});

test("less at once is enough where a whole request is too much", async () => {
  const { clock, requests, taken, say, end } = begin(({ chunks }) =>
    chunks.reduce((sum, { lines }) => sum + lines.length, 0) > 60 ? refusal(413, "too_large") : null,
  );
  for (let n = 0; n < 500; n++) say("dpl_1", String(n));
  await clock.pass(60_000);
  expect(taken.map(({ text }) => Number(text))).toEqual(Array.from({ length: 500 }, (_, n) => n));
  expect(requests.length).toBeLessThan(100);
  await end();
});
