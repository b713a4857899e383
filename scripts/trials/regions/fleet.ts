/** Three local regions with one function in all of them, as they are seen from outside; and how one of them is lost. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Region } from "@cloudify/sdk";
import { get } from "#tests/support/http.ts";
import { node } from "#tests/support/node-functions.ts";
import { type TestPlatform, until } from "#tests/support/platform.ts";
import { folder, tree } from "#tests/support/sites.ts";
import { cityOf, NAMES, type Name } from "./cities.ts";

const WHERE = "module.exports = (req, res) => res.end(process.env.CLOUDIFY_REGION);";

export class Fleet {
  site = "";
  readonly #platform: TestPlatform;

  constructor(platform: TestPlatform) {
    this.#platform = platform;
  }

  async start(): Promise<void> {
    await this.#platform.start({ CLOUDIFY_REGIONS: NAMES.join(","), CLOUDIFY_TEST_CF: "1" });
    await Promise.all(NAMES.map((name) => until(async () => (await this.region(name)).status === "up")));
    const output = Object.entries({ ...tree({}), ...node("api/where", WHERE) });
    const root = folder(Object.fromEntries(output.map(([path, text]) => [`.vercel/output/${path}`, text])));
    const words = ["deploy", root, "--prebuilt", "--prod", "--project", "where"];
    const { aliases } = await this.#platform.json<{ aliases: string[] }>(...words);
    this.site = aliases[0] ?? "";
  }

  /** The n-th request: from the n-th city. */
  ask(n: number): Promise<Response> {
    const { latitude, longitude } = cityOf(n);
    const place = JSON.stringify({ latitude, longitude });
    return get(`${this.site}/api/where?n=${n}`, { headers: { "x-cloudify-test-cf": place } });
  }

  async region(name: Name): Promise<Region> {
    const { data } = await this.#platform.client.request("GET /api/regions");
    const found = data.find((one) => one.name === name);
    if (!found) throw new Error(`there is no region ${name}`);
    return found;
  }

  /** What an agent would say of an epoch, said for it. @returns Status and code of the answer. */
  async write(name: Name, epoch: number): Promise<string> {
    const identity = readFileSync(join(this.#platform.home, "regions", name, "identity.json"), "utf8");
    // Its first line is the digest of the rest.
    const { credential } = JSON.parse(identity.slice(identity.indexOf("\n"))) as { credential: string };
    const found = await get(`${this.#platform.api}/agent/v1/status`, {
      method: "POST",
      headers: { authorization: `Bearer ${credential}`, "content-type": "application/json" },
      body: JSON.stringify({ epoch, isFull: true, items: [] }),
    });
    return `${found.status} ${((await found.json()) as { code?: string }).code}`;
  }

  /** What an agent has logged of an epoch. */
  said(name: Name, epoch: number): string[] {
    return this.#platform.output.split("\n").flatMap((line) => {
      if (!line.startsWith("{")) return [];
      const said = JSON.parse(line) as { region?: string; epoch?: number; message?: string };
      return said.region === name && said.epoch === epoch ? (said.message ?? []) : [];
    });
  }
}
