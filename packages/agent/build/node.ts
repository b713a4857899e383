/** Which Node a project is built with. Pure. */
import { intersects, satisfies, validRange } from "semver";
import { BuildFault } from "./fault.ts";

/** Newest first. */
const MAJORS = [24, 22, 20] as const;

export interface NodeChoice {
  major: number;
  /** Whether it is the Node that runs this program; else it has to be fetched. */
  isOwn: boolean;
  /** For the log: what was asked for, and by whom. */
  why: string;
}

/**
 * The project's setting comes before package.json, as at Vercel. The Node at hand is taken wherever it is allowed.
 *
 * @param own Its version, `24.9.0`. @throws BuildFault for what no Node here can be.
 */
export function chooseNode(own: string, setting: string | null, engines: string | undefined): NodeChoice {
  const asked = setting ?? engines;
  const by = setting === null ? "engines.node of package.json" : "the project's nodeVersion";
  const ownMajor = Number(own.split(".")[0]);
  if (asked === undefined) return { major: ownMajor, isOwn: true, why: "the region's" };
  if (validRange(asked) === null) {
    throw new BuildFault(
      "node_version",
      `${by} is ${JSON.stringify(asked)}, which is no range of versions.`,
      'Give one like "24.x".',
    );
  }
  const why = `${by} is ${asked}`;
  if (satisfies(own, asked)) return { major: ownMajor, isOwn: true, why };
  const major = MAJORS.find((one) => intersects(asked, `${one}.x`));
  if (major !== undefined) return { major, isOwn: major === ownMajor, why };
  throw new BuildFault(
    "node_version",
    `${by} is ${asked}; builds run on Node ${MAJORS.join(", ")}.`,
    `Ask for one of them, "${MAJORS[0]}.x" say.`,
  );
}
