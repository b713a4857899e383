/** An output → what the private platform serves, by the same API as every deployment. */
import { request } from "node:http";
import type { LiveOutput, OutputFile } from "@cloudify/builder";
import { ApiError, uploadAll } from "@cloudify/sdk";
import { fileSource } from "../uploads.ts";
import type { Stage } from "./stage.ts";

const ASK_EVERY_MS = 10;
const SERVED_MS = 5_000;

export class Releases {
  readonly #stage: Stage;
  /** Digests that the platform has. */
  readonly #there = new Set<string>();
  #live: { id: string; manifest: string } | null = null;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /**
   * Resolves when the output is what the platform answers with.
   *
   * @param isForced Also when nothing of the output is different: the environment is.
   * @returns The deployment's id. @throws ApiError as a deployment would.
   */
  async release(output: LiveOutput, isForced: boolean): Promise<string> {
    const { client, project } = this.#stage;
    const files = output.files.map(({ from: _, ...file }) => file);
    const manifest = JSON.stringify(files);
    if (this.#live?.manifest === manifest && !isForced) return this.#live.id;
    await this.#upload(output.files);
    const made = await client.request("POST /api/projects/{project}/deployments", {
      params: { project },
      body: { target: "production", files },
    });
    await this.#ended(made.id);
    await this.#served(made.id);
    this.#live = { id: made.id, manifest };
    return made.id;
  }

  async #upload(files: readonly OutputFile[]): Promise<void> {
    const fresh = new Map(
      files.filter((file) => !this.#there.has(file.sha256)).map((file) => [file.sha256, file]),
    );
    const sources = [...fresh.values()].map((file) => {
      const { sha256, size, from } = file;
      return typeof from === "string"
        ? fileSource({ ...file, absolute: from })
        : { sha256, size, load: async () => new Blob([Buffer.from(from)]) };
    });
    if (sources.length > 0) await uploadAll(this.#stage.client, sources, () => undefined);
    for (const sha256 of fresh.keys()) this.#there.add(sha256);
  }

  async #ended(id: string): Promise<void> {
    const { client } = this.#stage;
    for await (const _ of client.follow(id, 0, undefined, "ended")) {
      // Its log ends when it has.
    }
    const { state, error } = await client.request("GET /api/deployments/{deployment}", {
      params: { deployment: id },
    });
    if (state === "ready") return;
    throw new ApiError({
      code: error?.code ?? "internal",
      title: "The output is refused",
      status: 422,
      detail: error?.detail ?? `The deployment ended as ${state}.`,
      fix: error?.fix ?? "Try again.",
    });
  }

  /** The router may know an older one for a moment: its own paths tell which, and call nothing of the site. */
  async #served(id: string): Promise<void> {
    for (const until = Date.now() + SERVED_MS; Date.now() < until; ) {
      if ((await this.#serving()) === id) return;
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
    throw new Error("The platform does not serve what was deployed to it.");
  }

  #serving(): Promise<string | undefined> {
    const { port } = this.#stage;
    return new Promise((resolve, reject) => {
      const headers = { host: "site.localhost" };
      request({ host: "127.0.0.1", port, path: "/_cloudify/dev", headers }, (found) => {
        found.resume();
        resolve(found.headers["x-cloudify-deployment"]?.toString());
      })
        .once("error", reject)
        .end();
    });
  }
}
