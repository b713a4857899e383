/**
 * `fetch` as a function finds it: a part of the prelude. It answers assets, counts hops, and takes what the runtime
 * refuses though the web allows it.
 */
import { HOPS_HEADER } from "#features/functions/call.ts";

export const fetchText = `
// A Request that can't be made rejects, as the runtime's own fetch does.
globalThis.fetch = async (input, init) => {
  const asset = assetOf(typeof input === "string" ? input : input instanceof URL ? input.href : input?.url);
  if (asset) return asset;
  const request = new native.Request(input, init);
  setHeader(request.headers, "${HOPS_HEADER}", native.String(requests.getStore()?.hops ?? 0));
  return nativeFetch(request);
};
`;
