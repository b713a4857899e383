/**
 * What the edge needs to know of a ready deployment, as KV holds it under `deployment:<id>`. Written before the
 * deployment becomes ready, deleted when it is removed, never changed.
 */
export interface ServedDeployment extends Running {
  v: 1;
  id: string;
  /** Digest of its site. */
  site: string;
  team: string;
  project: string;
  /** Unix milliseconds; the files' `last-modified`. */
  createdAt: number;
  /** Digest of its frozen environment. */
  env: string;
  /** Its own, immutable host. */
  hostname: string;
  target: string;
  branch: string | null;
}

/** Where its workloads run. D1 has it too, from before a pointer is told of the deployment. */
export interface Running {
  /** Ids of the regions that run its workloads, those of the failover last. Absent: it needs none. */
  regions?: string[];
  /** Group → the regions among these that run it, if not all of them do. Absent: all run all of it. */
  pinned?: Record<string, string[]>;
  /** Group → its regions that are asked only when none of its others answers, in that order. Absent: there are none. */
  failover?: Record<string, string[]>;
}

export const deploymentKey = (id: string): string => `deployment:${id}`;
