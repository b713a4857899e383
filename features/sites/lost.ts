/** Reading a blob that must be there, and the name of the accident that it is not. */
import type { Base } from "#core/ctx.ts";
import { blobKey } from "./site.ts";

export class LostBlob extends Error {
  readonly digest: string;

  constructor(digest: string) {
    super(`the bytes of ${digest} are gone`);
    this.digest = digest;
  }
}

/** @throws LostBlob */
export async function readBlob(base: Base, team: string, digest: string): Promise<R2ObjectBody> {
  const object = await base.blobs.get(blobKey(team, digest));
  if (!object) throw new LostBlob(digest);
  return object;
}
