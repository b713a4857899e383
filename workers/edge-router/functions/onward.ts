/** What a function is told of the request, wherever it runs. */
import { Fields, setAll } from "#core/headers.ts";
import { geoHeaders } from "#features/functions/geo.ts";
import type { Scope } from "../scope.ts";
import type { Asked } from "../stages/call.ts";

/** @param hostname Of the deployment itself. @param region What libraries read from `x-vercel-id`. */
export function onward(
  scope: Scope,
  { request, url, name, changes, more = [] }: Asked,
  hostname: string,
  region: string,
): Fields {
  const given = changes.reduce<Headers>((so, change) => change.apply(so), request.headers);
  const headers = new Fields();
  for (const [header, value] of given) if (!isUnheard(header)) headers.set(header, value);
  const ip = headers.get("cf-connecting-ip") ?? "";
  const { cf = {} } = request;
  const encodings = cf.clientAcceptEncoding as string | undefined;
  if (encodings) headers.set("accept-encoding", encodings);
  const set: [string, string][] = [
    ["x-forwarded-for", ip],
    ["x-real-ip", ip],
    ["x-vercel-forwarded-for", ip],
    ["x-forwarded-host", url.host],
    ["x-forwarded-proto", url.protocol.slice(0, -1)],
    ["x-vercel-id", `${region}::${scope.requestId}`],
    ["x-cloudify-request-id", scope.requestId],
    ["x-vercel-deployment-url", hostname],
    ["x-matched-path", `/${name}`],
    ...geoHeaders(cf as Record<string, unknown>),
  ];
  for (const [key, value] of set) {
    if (value !== "") headers.set(key, value);
    else headers.delete(key);
  }
  setAll(headers, more);
  return headers;
}

/** Who passed a request on, and from where, is known better here. */
const isUnheard = (name: string): boolean =>
  name.startsWith("x-cloudify-") || name.startsWith("x-vercel-") || name === "forwarded";

/** Where an edge function runs; `dev1` is what libraries call a machine of one's own. */
export function coloOf({ cf }: Request): string {
  const colo = (cf as Record<string, unknown> | undefined)?.colo;
  return typeof colo === "string" && colo !== "" ? colo.toLowerCase() : "dev1";
}
