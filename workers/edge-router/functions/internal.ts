/** On one machine: what the isolates' own process asks of the platform. Only with the key that both were given. */
import type { Call } from "#features/functions/call.ts";
import type { Env } from "../env.ts";
import { readCode, readMaps } from "./code.ts";
import { type Batch, writeLines } from "./sink.ts";

export const INTERNAL_HOST = "platform.internal";

export async function internal(request: Request, env: Env): Promise<Response> {
  const { pathname } = new URL(request.url);
  switch (pathname) {
    case "/code":
      return Response.json(await readCode(env, await request.json<Call>()));
    case "/maps":
      return Response.json(await readMaps(env, await request.json<Call>()));
    case "/lines": {
      await writeLines(env, await request.json<Batch>());
      return new Response(null, { status: 204 });
    }
    default:
      return new Response("not found\n", { status: 404 });
  }
}
