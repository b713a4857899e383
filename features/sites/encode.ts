/** Stored compressed forms of a team's blobs: made once, when a deployment first names them. */
import { type Compressor, constants, createBrotliCompress, createGzip } from "node:zlib";
import type { Base } from "#core/ctx.ts";
import type { KnownBlob } from "#features/blobs/service.ts";
import { readBlob } from "./lost.ts";
import { encodedKey, type StaticFile } from "./site.ts";
import type { Work } from "./work.ts";

/** Smaller ones gain nothing on the wire; larger ones cost more CPU than a compile should take. */
const MIN_BYTES = 1_024;
const MAX_BYTES = 10 * 1024 * 1024;
/** A form that saves less than this is not kept. */
const MIN_GAIN = 0.05;
/** Of 600 files (3.8 MB) it left 23.1 % in 113 ms; quality 7 took twice as long, 9 eighteen times, for 22.9 %. */
const BROTLI_QUALITY = 5;
/** Files are worked on in groups: so many, or so many bytes, together. */
const GROUP_FILES = 48;
const GROUP_BYTES = 4 * 1024 * 1024;
const PIECE_BYTES = 128 * 1024;

/** Sizes of the stored compressed forms of a blob. */
export type Forms = Pick<StaticFile, "br" | "gzip">;

const formsOf = ({ brBytes, gzipBytes }: KnownBlob): Forms => ({
  ...(brBytes ? { br: brBytes } : {}),
  ...(gzipBytes ? { gzip: gzipBytes } : {}),
});

/** @returns The forms of each, by digest, and how many were made for it. */
export async function encodeBlobs(
  base: Base,
  team: string,
  candidates: readonly KnownBlob[],
  { alive, memory }: Work,
): Promise<{ forms: Map<string, Forms>; made: number }> {
  const forms = new Map(
    candidates.filter((blob) => blob.brBytes !== null).map((blob) => [blob.sha256, formsOf(blob)]),
  );
  const waiting = candidates.filter(
    (blob) => blob.brBytes === null && blob.size >= MIN_BYTES && blob.size <= MAX_BYTES,
  );
  for (const group of groupsOf(waiting)) {
    const giveBack = await memory.take(group.reduce((sum, blob) => sum + blob.size, 0));
    try {
      const done = await Promise.all(group.map((blob) => encode(base, team, blob)));
      await record(base, team, done);
      for (const blob of done) forms.set(blob.sha256, formsOf(blob));
    } finally {
      giveBack();
    }
    await alive();
  }
  return { forms, made: waiting.length };
}

function groupsOf(blobs: readonly KnownBlob[]): KnownBlob[][] {
  const groups: KnownBlob[][] = [];
  let bytes = 0;
  for (const blob of blobs) {
    const last = groups.at(-1);
    if (last && last.length < GROUP_FILES && bytes + blob.size <= GROUP_BYTES) {
      last.push(blob);
      bytes += blob.size;
    } else {
      groups.push([blob]);
      bytes = blob.size;
    }
  }
  return groups;
}

async function encode(base: Base, team: string, blob: KnownBlob): Promise<KnownBlob> {
  const object = await readBlob(base, team, blob.sha256);
  const bytes = new Uint8Array(await object.arrayBuffer());
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  const brotli = await compress(bytes, createBrotliCompress({ params }));
  const brBytes = await keep(base, encodedKey(team, blob.sha256, "br"), bytes, brotli);
  const gzip = await compress(bytes, createGzip());
  const gzipBytes = await keep(base, encodedKey(team, blob.sha256, "gzip"), bytes, gzip);
  return { ...blob, brBytes, gzipBytes };
}

/** Piece by piece, with a pause after each: a large file at once would hold up everything else in the process. */
async function compress(bytes: Uint8Array, by: Compressor): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const ended = new Promise<void>((resolve, reject) => {
    by.on("data", (piece: Uint8Array) => pieces.push(piece));
    by.on("end", resolve);
    by.on("error", reject);
  });
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    await new Promise<void>((resolve) => by.write(bytes.subarray(at, at + PIECE_BYTES), () => resolve()));
    await scheduler.wait(0);
  }
  by.end();
  await ended;
  return new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

/** @returns Bytes of the form, or 0 when it does not pay. */
async function keep(base: Base, key: string, plain: Uint8Array, form: Uint8Array): Promise<number> {
  if (form.length > plain.length * (1 - MIN_GAIN)) return 0;
  await base.blobs.put(key, form);
  return form.length;
}

/** The last condition says nothing new, but makes SQLite look the blobs up instead of scanning the team's. */
async function record(base: Base, team: string, blobs: readonly KnownBlob[]): Promise<void> {
  await base.d1
    .prepare(
      `update blobs set br_bytes = f.value ->> 'brBytes', gzip_bytes = f.value ->> 'gzipBytes'
       from json_each(?1) f where blobs.team_id = ?2 and blobs.sha256 = f.value ->> 'sha256'
         and blobs.sha256 in (select value ->> 'sha256' from json_each(?1))`,
    )
    .bind(JSON.stringify(blobs), team)
    .run();
}
