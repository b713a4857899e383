/** What the gate does to a request's head. Pure, so that it can be tested without a socket. */

/** Only the platform sets these: from outside they are lies. */
const STRIPPED =
  /^(?:mf-|cf-|x-forwarded-|x-real-ip$|x-vercel-|x-cloudify-|cdn-loop$|true-client-ip$|forwarded$)/;
/** RFC 9110, 7.6.1: they end with the client's connection. */
const OF_THE_CONNECTION = /^(?:connection|keep-alive|proxy-connection|te|trailer)$/;
export const MAX_HEADER_BYTES = 32 * 1024;
export const MAX_URL_BYTES = 16 * 1024;

/** Of `request.cf`, what a test may say. */
const PLACE = [
  "latitude",
  "longitude",
  "country",
  "region",
  "regionCode",
  "city",
  "postalCode",
  "timezone",
  "continent",
  "asn",
] as const;
type Place = Record<(typeof PLACE)[number], string>;

export type Verdict =
  | { ok: true; headers: Headers; cf: Record<string, unknown>; to: "api" | "edge" }
  | { ok: false; status: 414 | 431; code: "uri_too_long" | "headers_too_large" };

/**
 * @param hosts Hosts at which the API answers; everything else is a deployed host.
 * @param isTest Lets `x-cloudify-test-cf` say where the client is.
 */
export function inspect(
  url: URL,
  from: Headers,
  clientIp: string | null,
  hosts: ReadonlySet<string>,
  isTest: boolean,
): Verdict {
  if (url.href.length > MAX_URL_BYTES) return { ok: false, status: 414, code: "uri_too_long" };
  let bytes = 0;
  const headers = new Headers();
  for (const [name, value] of from) {
    bytes += name.length + value.length;
    if (!STRIPPED.test(name) && !OF_THE_CONNECTION.test(name)) headers.append(name, value);
  }
  if (bytes > MAX_HEADER_BYTES) return { ok: false, status: 431, code: "headers_too_large" };
  // No other protocol is spoken behind it.
  if (headers.get("upgrade")?.toLowerCase() !== "websocket") headers.delete("upgrade");
  // As it is read: `NAME.localhost`, `somebody@name.localhost` and `name.localhost/path?` all lead to one site.
  headers.set("host", url.host);
  if (clientIp !== null) headers.set("cf-connecting-ip", clientIp);
  const cf = { clientAcceptEncoding: from.get("accept-encoding") ?? "", ...(isTest ? placeOf(from) : {}) };
  return { ok: true, headers, cf, to: hosts.has(url.host.toLowerCase()) ? "api" : "edge" };
}

function placeOf(headers: Headers): Partial<Place> {
  try {
    const given = JSON.parse(headers.get("x-cloudify-test-cf") ?? "{}") as Partial<
      Record<keyof Place, unknown>
    >;
    return Object.fromEntries(
      PLACE.flatMap((name) => (given[name] === undefined ? [] : [[name, String(given[name])]])),
    );
  } catch {
    return {};
  }
}
