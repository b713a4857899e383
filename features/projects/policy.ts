/**
 * The policy: what the edge applies for a project and that is not part of a deployment, as KV holds it under
 * `policy:<project>`. A project without one is public.
 */
export interface Policy {
  v: 1;
  /** Raised by each change of the settings. */
  version: number;
  protection: "public";
  /** `region`: a visitor stays in the region that answered first, as long as that takes new requests. */
  affinity?: "region";
}

export const policyKey = (project: string): string => `policy:${project}`;
