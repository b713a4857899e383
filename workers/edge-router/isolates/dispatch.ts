/**
 * Isolates by a dispatch namespace (Workers for Platforms): each function with each environment is a script of its own,
 * uploaded by Cloudflare's REST API when it is first called. For production at scale; workerd has no such namespaces, so
 * this runs on Cloudflare only.
 */
import { sha256 } from "#core/encoding.ts";
import type { Call } from "#features/functions/call.ts";
import { dispatchedKey } from "#features/functions/function.ts";
import type { Isolate, Isolates } from "./adapter.ts";
import type { IsolatesEnv } from "./env.ts";
import { codeOf } from "./platform.ts";
import { uploadOf } from "./upload.ts";

export interface Namespace {
  DISPATCHER: DispatchNamespace;
  /** Name of the namespace, and of the account that it is in. */
  DISPATCH_NAMESPACE: string;
  CLOUDFLARE_ACCOUNT_ID: string;
  /** May edit scripts; a secret. */
  CLOUDFLARE_API_TOKEN: string;
}

const API = "https://api.cloudflare.com/client/v4";
/** Names of scripts that are there, as far as this Worker knows. */
const there = new Map<string, Promise<void>>();
const MAX_KNOWN = 5_000;

export const hasNamespace = (env: IsolatesEnv): env is IsolatesEnv & Namespace =>
  env.DISPATCHER !== undefined &&
  Boolean(env.DISPATCH_NAMESPACE && env.CLOUDFLARE_ACCOUNT_ID && env.CLOUDFLARE_API_TOKEN);

export function byNamespace(env: IsolatesEnv & Namespace): Isolates {
  return {
    async of(call: Call): Promise<Isolate> {
      const name = `fn-${(await sha256(call.id)).slice(0, 40)}`;
      let isCold = false;
      if (there.size > MAX_KNOWN) there.clear();
      const known = there.get(name) ?? ensure(env, name, call, () => (isCold = true));
      there.set(name, known);
      await known.catch((error: unknown) => {
        there.delete(name);
        throw error;
      });
      const worker = env.DISPATCHER.get(name);
      return {
        fetch: (request, headers) => worker.fetch(request, { headers }),
        // Which of its isolates answers is Cloudflare's affair.
        start: () => ({ name: name.slice(3, 7), isCold }),
      };
    },
  };
}

/** R2 remembers what was uploaded: cheaper to ask than the API, which takes 1,200 calls in five minutes. */
async function ensure(
  env: IsolatesEnv & Namespace,
  name: string,
  call: Call,
  onUpload: () => void,
): Promise<void> {
  const marker = dispatchedKey(call.deployment, env.DISPATCH_NAMESPACE, name);
  if (await env.BLOBS.head(marker)) return;
  onUpload();
  const { CLOUDFLARE_ACCOUNT_ID: account, DISPATCH_NAMESPACE: namespace, CLOUDFLARE_API_TOKEN: token } = env;
  const answer = await fetch(
    `${API}/accounts/${account}/workers/dispatch/namespaces/${namespace}/scripts/${name}`,
    {
      method: "PUT",
      headers: { authorization: `Bearer ${token}` },
      body: uploadOf(await codeOf(env, call), call),
    },
  );
  if (!answer.ok) {
    const { errors = [] } = await answer
      .json<{ errors?: { code: number; message: string }[] }>()
      .catch(() => ({}) as { errors?: { code: number; message: string }[] });
    const said = errors.map(({ code, message }) => `${code} ${message}`).join("; ");
    throw new Error(`Cloudflare did not take the script of ${call.name}: ${answer.status} ${said}`);
  }
  await answer.body?.cancel();
  await env.BLOBS.put(marker, call.id);
}
