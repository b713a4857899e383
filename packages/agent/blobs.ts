/**
 * Bytes by digest on disk: fetched once, checked while they come, and kept as long as there is room. What was not used for
 * longest goes first.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as WebStream } from "node:stream/web";
import { backoffMs } from "./backoff.ts";
import type { Client } from "./client.ts";
import type { BlobSource } from "./driver.ts";
import type { Seams } from "./seams.ts";

/** A path that was handed out stays good for so long. */
const IN_USE_MS = 10 * 60_000;
const ATTEMPTS = 4;
/** A slow line still gets a large file through. */
const BYTES_MS = 600_000;

export class BlobCache implements BlobSource {
  #folder: string;
  #client: Pick<Client, "blob">;
  #seams: Pick<Seams, "clock" | "random" | "log">;
  #maxBytes: number;
  #coming = new Map<string, Promise<string>>();
  #addedBytes = 0;

  constructor(
    folder: string,
    client: Pick<Client, "blob">,
    seams: Pick<Seams, "clock" | "random" | "log">,
    maxBytes: number,
  ) {
    this.#folder = folder;
    this.#client = client;
    this.#seams = seams;
    this.#maxBytes = maxBytes;
  }

  /** Of one team: another's can't be had by naming its digest. */
  async fileOf(team: string, sha256: string, signal: AbortSignal): Promise<string> {
    const path = join(this.#folder, team, sha256);
    if (await this.#touch(path)) return path;
    const coming = this.#coming.get(path) ?? this.#fetch(team, sha256, path, signal);
    this.#coming.set(path, coming);
    return coming.finally(() => this.#coming.delete(path));
  }

  /** Takes what lies on this machine, so that it need not be fetched, if it has that digest. Says nothing of what fails. */
  async keep(team: string, sha256: string, from: string, signal: AbortSignal): Promise<void> {
    const path = join(this.#folder, team, sha256);
    if (await this.#touch(path)) return;
    await this.#folderOf(team).catch(() => undefined);
    await this.#write(createReadStream(from), sha256, path, signal);
  }

  /** As used now. @returns Whether it is there. */
  #touch(path: string): Promise<boolean> {
    const now = this.#seams.clock.now() / 1_000;
    return utimes(path, now, now).then(
      () => true,
      () => false,
    );
  }

  async #folderOf(team: string): Promise<void> {
    await mkdir(join(this.#folder, team), { recursive: true, mode: 0o700 });
  }

  async #fetch(team: string, sha256: string, path: string, signal: AbortSignal): Promise<string> {
    const { clock, random } = this.#seams;
    await this.#folderOf(team);
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#client.blob(team, sha256, signal);
      const failure = answer.ok
        ? await this.#write(bodyOf(answer.value), sha256, path, signal)
        : answer.detail;
      if (failure === null) return path;
      signal.throwIfAborted();
      const isFinal = !answer.ok && answer.status >= 400 && answer.status < 500 && answer.status !== 429;
      if (isFinal || attempt === ATTEMPTS) throw new Error(`The file ${sha256} could not be had: ${failure}`);
      await clock.wait(backoffMs(attempt, random(), answer.ok ? null : answer.retryAfterMs), signal);
    }
  }

  /** @returns What went wrong, or `null`. */
  async #write(source: Readable, sha256: string, path: string, signal: AbortSignal): Promise<string | null> {
    const done = new AbortController();
    const late = new AbortController();
    void this.#seams.clock.wait(BYTES_MS, done.signal).then(() => late.abort());
    const hash = createHash("sha256");
    let bytes = 0;
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, onDone) {
        hash.update(chunk);
        bytes += chunk.length;
        onDone(null, chunk);
      },
    });
    const part = `${path}.${Math.floor(this.#seams.random() * 2 ** 48).toString(36)}.part`;
    try {
      await pipeline(source, counted, createWriteStream(part, { mode: 0o600 }), {
        signal: AbortSignal.any([signal, late.signal]),
      });
      if (hash.digest("hex") !== sha256) throw new Error("its bytes do not match its digest.");
      await rename(part, path);
    } catch (error) {
      await rm(part, { force: true });
      return error instanceof Error ? error.message : String(error);
    } finally {
      done.abort();
    }
    this.#addedBytes += bytes;
    if (this.#addedBytes > this.#maxBytes / 20) void this.trim();
    return null;
  }

  /** Makes room, down to nine tenths of what there is. */
  async trim(): Promise<void> {
    this.#addedBytes = 0;
    const files = (await Promise.all((await names(this.#folder)).map((team) => this.#filesOf(team)))).flat();
    let bytes = files.reduce((sum, { size }) => sum + size, 0);
    if (bytes <= this.#maxBytes) return;
    const now = this.#seams.clock.now();
    for (const { path, size, usedAt } of files.sort((a, b) => a.usedAt - b.usedAt)) {
      if (bytes <= this.#maxBytes * 0.9 || now - usedAt < IN_USE_MS) break;
      await rm(path, { force: true });
      bytes -= size;
    }
  }

  async #filesOf(team: string) {
    const folder = join(this.#folder, team);
    const found = (await names(folder)).map(async (name) => {
      const path = join(folder, name);
      const about = await stat(path).catch(() => null);
      return about ? [{ path, size: about.size, usedAt: about.mtimeMs }] : [];
    });
    return (await Promise.all(found)).flat();
  }
}

const bodyOf = ({ body }: Response): Readable =>
  body ? Readable.fromWeb(body as WebStream) : Readable.from([]);

const names = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
