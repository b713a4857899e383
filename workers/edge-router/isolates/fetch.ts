/**
 * `fetch` and `Request` as a function finds them: a part of the prelude. They answer assets, count hops, and take what the
 * runtime refuses though the web allows it, and frameworks pass it on.
 */
import { HOPS_HEADER } from "#features/functions/call.ts";

export const fetchText = `
// No cache stands behind these modes, so each means the same as none. The runtime knows \`no-store\` and \`no-cache\`.
const CACHE_MODES = new Set(["default", "reload", "force-cache", "only-if-cached"]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const { construct } = Reflect;
// Requests that are to fail at a redirect: the runtime has nothing for them.
const staying = new WeakSet();
function requestOf(args, target) {
  const [input, init] = args;
  const redirect = init?.redirect;
  const stays = redirect === "error" || (redirect === undefined && staying.has(input));
  const over = {};
  if (redirect === "error") over.redirect = { value: "manual" };
  if (CACHE_MODES.has(init?.cache)) over.cache = { value: undefined };
  // Over what was given, and no copy: of a copy, what it inherits would be gone.
  const given = over.redirect || over.cache ? [input, native.Object.create(init, over)] : args;
  const made = construct(native.Request, given, target);
  if (stays) staying.add(made);
  return made;
}
// It has the same prototype, so what is an instance of one is of the other.
globalThis.Request = new Proxy(native.Request, { construct: (_, args, target) => requestOf(args, target) });
Object.defineProperty(native.Request.prototype, "constructor", { value: globalThis.Request });

// A Request that can't be made rejects, as the runtime's own fetch does.
globalThis.fetch = async (input, init) => {
  const asset = assetOf(typeof input === "string" ? input : input instanceof URL ? input.href : input?.url);
  if (asset) return asset;
  const request = requestOf([input, init], native.Request);
  setHeader(request.headers, "${HOPS_HEADER}", native.String(requests.getStore()?.hops ?? 0));
  const answering = nativeFetch(request);
  return staying.has(request) ? unmoved(answering) : answering;
};
async function unmoved(answering) {
  const response = await answering;
  if (!REDIRECTS.has(response.status)) return response;
  await response.body?.cancel();
  throw new TypeError('The answer is a redirect, and the request says redirect: "error".');
}
`;
