/** Deployment protection: who may see it at all. A decision with nothing behind it. */
import type { Policy } from "#features/projects/policy.ts";

export function protection(policy: Policy): "pass" {
  switch (policy.protection) {
    case "public":
      return "pass";
  }
}
