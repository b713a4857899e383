/**
 * A page whose beginning was rendered when the output was built: it goes out at once, and what its function makes of the
 * rest for this visitor follows it. Source: Build Output API v3, "Prerender Functions"; Next.js's partial prerendering.
 */
import { Fields } from "#core/headers.ts";
import type { Prerender, Resume } from "#features/sites/site.ts";
import { FileSource } from "../storage/files.ts";
import { callEntry } from "./call.ts";
import type { Answer, Page, Visit } from "./visit.ts";

/** @returns `null` when its bytes are nowhere, or its function is not there. */
export async function partial(
  visit: Visit,
  { status, headers, changes, url }: Page,
  page: Prerender,
  resume: Resume,
): Promise<Answer | null> {
  const { scope, request, target, head } = visit;
  const entry = head.functions?.[resume.name];
  const source = new FileSource(scope, target.team, page.file);
  const opened = entry && (await source.open("identity"));
  if (!opened) return null;
  const bytes =
    opened instanceof ReadableStream ? new Uint8Array(await new Response(opened).arrayBuffer()) : opened;
  const [state, begun] = [bytes.slice(0, resume.stateBytes), bytes.subarray(resume.stateBytes)];
  const fields = new Fields([["cache-control", "private, no-cache, no-store, max-age=0, must-revalidate"]]);
  for (const [name, value] of headers) fields.set(name, value);
  fields.set("content-type", page.file.type);
  const answer = (body: ReadableStream | null): Answer => ({
    made: { status, headers: fields, body, encodeBody: "automatic" },
    cache: source.tier,
    bytes: begun.length,
    functionMs: null,
    region: null,
  });
  if (request.method === "HEAD") return answer(null);

  const { cf = {} } = request;
  const going = new Request(request.url, { method: "POST", headers: request.headers, cf, body: state });
  const more = [...resume.headers, ["accept-encoding", "identity"] as const];
  const about = { request: going, url, name: resume.name, changes, hops: visit.hops, more };
  const { readable, writable } = new IdentityTransformStream();
  const calling = callEntry(scope, target, about, entry);
  const rest = calling.then(
    ({ ms, region }) => ({ functionMs: ms, region }),
    () => ({ functionMs: null, region: null }),
  );
  const follow = async (): Promise<void> => {
    const writer = writable.getWriter();
    try {
      await writer.write(begun);
      const called = await calling;
      if (!called.ok) throw called.problem;
      const body = bodyOf(called.made);
      if (!body) throw new Error("the function did not go on with the page");
      // By hand: where a body comes in parts, `pipeTo` from one identity stream to another that was written to never moves.
      for await (const chunk of body) await writer.write(chunk);
      await writer.close();
    } catch (error) {
      // A page that ends in the middle must not look as if it were whole.
      await writer.abort(error);
    }
  };
  scope.keepAlive(follow().catch(() => undefined));
  return { ...answer(readable), rest };
}

const bodyOf = (made: { body: ReadableStream | Uint8Array | null; status: number }): ReadableStream | null =>
  made.status < 500 && made.body instanceof ReadableStream ? made.body : null;
