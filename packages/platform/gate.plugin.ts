/**
 * Gives Miniflare's process one more socket: the port that everybody knows, with the gate behind it. Miniflare's own
 * sockets obey headers that any client can send; this one is plain. Loaded by Miniflare, as its `Plugin` says, when a
 * Worker has a binding of this plugin's; the binding itself is nothing.
 */
import type { Plugin } from "miniflare";

export const GATE = "cloudify-gate";

/** Addresses whose process is not to be started again. */
const held = new Map<string, Promise<void>>();

/**
 * Miniflare starts its process again whenever that ends, also when it was asked to.
 *
 * @param address Of the socket. @returns Gives up a start that waits; to be called when Miniflare has been disposed of.
 */
export function hold(address: string): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  held.set(address, promise);
  return () => {
    held.delete(address);
    resolve();
  };
}

const plugin: Plugin = {
  getBindings: () => [],
  getNodeBindings: () => ({}),
  async getServices({ options }) {
    const { name, env = {} } = options.config;
    const asked = Object.values(env).find(isOurs)?.dev.options;
    if (!asked) return;
    const { address } = asked;
    const stopped = held.get(address);
    if (stopped) {
      await stopped;
      throw new DOMException("The platform stops.", "AbortError");
    }
    const socket = { name: GATE, address, service: { name: `core:user:${name}` }, http: {} };
    return { services: [], extensions: [], sockets: [socket] };
  },
};

interface Asked {
  dev: { options: { address: string } };
}

const isOurs = (binding: object): binding is Asked => "type" in binding && binding.type === `unsafe:${GATE}`;

export const plugins = { [GATE]: plugin };
