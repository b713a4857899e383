/** Where a request comes from, as functions read it: `x-vercel-ip-*`, which libraries know, and `x-cloudify-ip-*`. */

const FIELDS: [header: string, field: string][] = [
  ["country", "country"],
  ["country-region", "regionCode"],
  ["city", "city"],
  ["latitude", "latitude"],
  ["longitude", "longitude"],
  ["timezone", "timezone"],
  ["postal-code", "postalCode"],
  ["continent", "continent"],
  ["as-number", "asn"],
];

/** @param cf Cloudflare's `request.cf`; fields that it does not know are left out. */
export function geoHeaders(cf: Record<string, unknown>): [name: string, value: string][] {
  return FIELDS.flatMap(([header, field]) => {
    const value = cf[field];
    if (value === undefined || value === null || value === "") return [];
    // As Vercel does: a city may have letters that a header can't hold.
    const text = encodeURIComponent(String(value));
    return [
      [`x-vercel-ip-${header}`, text],
      [`x-cloudify-ip-${header}`, text],
    ] as [string, string][];
  });
}
