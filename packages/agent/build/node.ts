/**
 * Which Node a project is built with: the region's own, since that runs it, too. Native add-ons that are built for one Node
 * do not load in another. Pure.
 */
import { intersects, minVersion, satisfies, validRange } from "semver";
import { BuildFault } from "./fault.ts";

/** What outputs may ask for, newest first; programs for these run on the region's. */
const MAJORS = [24, 22, 20] as const;

export interface NodeChoice {
  /** The region's own. */
  major: number;
  /** Asked for, and not the region's: a version that package managers can be told of, and what the log says. */
  instead: { version: string; why: string } | null;
}

/**
 * The project's setting comes before package.json, as at Vercel.
 *
 * @param own Version of the region's Node, `24.9.0`. @throws BuildFault for what no Node here can be.
 */
export function chooseNode(own: string, setting: string | null, engines: string | undefined): NodeChoice {
  const asked = setting ?? engines;
  const by = setting === null ? "engines.node of package.json" : "the project's nodeVersion";
  const major = Number(own.split(".")[0]);
  if (asked === undefined) return { major, instead: null };
  const least = validRange(asked) === null ? null : minVersion(asked);
  if (least === null) {
    throw new BuildFault(
      "node_version",
      `${by} is ${JSON.stringify(asked)}, which is no range of versions.`,
      'Give one like "24.x".',
    );
  }
  if (satisfies(own, asked)) return { major, instead: null };
  if (MAJORS.some((one) => intersects(asked, `${one}.x`))) {
    const why = `${by} is ${asked}: this region builds and runs it with its own Node, ${own}`;
    return { major, instead: { version: least.version, why } };
  }
  throw new BuildFault(
    "node_version",
    `${by} is ${asked}; what is made for Node ${MAJORS.join(", ")} can run here.`,
    `Ask for one of them, "${MAJORS[0]}.x" say.`,
  );
}
