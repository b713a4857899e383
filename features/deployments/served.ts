/**
 * What the edge needs to know of a ready deployment, as KV holds it under `deployment:<id>`. Written before the
 * deployment becomes ready, deleted when it is removed, never changed.
 */
export interface ServedDeployment {
  v: 1;
  id: string;
  /** Digest of its site. */
  site: string;
  team: string;
  project: string;
  /** Unix milliseconds; the files' `last-modified`. */
  createdAt: number;
}

export const deploymentKey = (id: string): string => `deployment:${id}`;
