/** How long `POST /api/functions` takes to bundle and store, by the size of the source. */
import type { TestPlatform } from "#tests/support/platform.ts";
import { quantile } from "./load.ts";
import { say, times } from "./report.ts";

export async function sources({ client }: TestPlatform): Promise<void> {
  for (const bytes of [1_000, 100_000, 1_000_000]) {
    const taken: number[] = [];
    for (let run = 0; run < times(8, 2); run++) {
      const body = { name: `source-${bytes}`, source: sourceOf(bytes, run) };
      const at = performance.now();
      await client.request("POST /api/functions", { body });
      taken.push(performance.now() - at);
    }
    const [first = 0, ...rest] = taken;
    const again = { p50: quantile(rest, 0.5), worst: quantile(rest, 1) };
    say("function from source", { bytes, runs: taken.length, first: Math.round(first), ...again });
  }
}

/** Handlers as people write them, with types, so many that it is so long. */
function sourceOf(bytes: number, run: number): string {
  const parts = [
    `export default (request: Request) => Response.json({ run: ${run}, to: route(request) });\n`,
  ];
  let size = parts[0]?.length ?? 0;
  let count = 0;
  for (; size < bytes - 200; count++) {
    const part = `async function handler${count}(request: Request, id: string): Promise<{ id: string; at: number }> {
  const { pathname, searchParams } = new URL(request.url);
  return { id: searchParams.get("id") ?? \`\${pathname}/\${id}\`, at: ${count} + Date.now() };
}\n`;
    parts.push(part);
    size += part.length;
  }
  const names = Array.from({ length: count }, (_, i) => `handler${i}`).slice(0, 5);
  return `${parts.join("")}const route = (request: Request) => [${names}].length + request.method;\n`;
}
