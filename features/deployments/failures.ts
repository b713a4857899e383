/** Why a deployment ends without being ready, as people are told. Pure. */
import { faultsOf, type Placing } from "./placing.ts";

/** For programs, for people, and what to do. */
export interface Failure {
  code: string;
  detail: string;
  fix: string;
}

export const CANCELED: Failure = {
  code: "canceled",
  detail: "The deployment was canceled.",
  fix: "Deploy again, or redeploy it.",
};

export const superseded = (by: string): Failure => ({
  code: "superseded",
  detail: `A newer commit of the same branch came before this one was started: ${by}.`,
  fix: "Look at the newer deployment, or redeploy this one.",
});

export const QUEUE_TIMEOUT: Failure = {
  code: "queue_timeout",
  detail: "No slot of the team became free in time.",
  fix: "Cancel deployments that are no longer needed, then deploy again.",
};

const BUILD_HERE = "Or build it here: `cloudify deploy --local-build`.";
const NAME_ONE = "`cloudify projects set <project> --regions <name or id>`";

export const NO_AGENT: Failure = {
  code: "no_agent",
  detail: "No region was there to build it.",
  fix: `Look at \`cloudify regions ls\`: one with the capability \`build\` must be live. One that another team shares counts once the project's settings name it: ${NAME_ONE}. ${BUILD_HERE}`,
};

/** @param shared What the project's settings may name, as people write it. */
export const noBuilder = (shared: readonly string[]): Failure => ({
  code: NO_AGENT.code,
  detail: "No region is there to build it: the team has none, and the project's settings name none.",
  fix:
    shared.length > 0
      ? `Name a shared one in the project's settings, ${NAME_ONE}, and deploy again; there are ${shared.join(", ")}. Or add one with \`cloudify regions add\`. ${BUILD_HERE}`
      : `Add one with \`cloudify regions add\`, and deploy again; or, once another team shares one, name it in the project's settings: ${NAME_ONE}. ${BUILD_HERE}`,
});

export const BUILDERS_BUSY: Failure = {
  code: "builders_busy",
  detail: "Every builder was busy with other builds for too long.",
  fix: "Deploy again later, or let agents build more at once (`CLOUDIFY_AGENT_BUILDS`), or add a region. Or build it here: `cloudify deploy --local-build`.",
};

export const BUILD_TIMEOUT: Failure = {
  code: "build_timeout",
  detail: "The build did not end in time.",
  fix: "Look at its log for what takes so long, or build it here: `cloudify deploy --local-build`.",
};

export const COMPILE_TIMEOUT: Failure = {
  code: "compile_timeout",
  detail: "The output was not compiled in time, after several attempts.",
  fix: "Deploy again; if it happens again, deploy fewer or smaller files.",
};

export const NO_REGION: Failure = {
  code: "no_region",
  detail: "The output has functions for Node.js, and there is no region to run them.",
  fix: `Add a region with \`cloudify regions add\`, or name a shared one in the project's settings, ${NAME_ONE}, and redeploy it; or let the functions run at the edge.`,
};

/** @param said What regions that have not answered last said. */
export const notHealthy = (
  placing: Placing,
  said: Record<string, string>,
  nameOf: (id: string) => string,
): Failure => ({
  code: "not_healthy",
  detail: `Too few regions (${placing.policy} of ${countsOf(placing)}) could start it.\n${faultsOf(placing, said, nameOf)}`,
  fix: "Correct what keeps it from starting, and deploy again; a region that is silent stands in `cloudify regions ls`.",
});

export const RELEASE_TIMEOUT: Failure = {
  code: "release_timeout",
  detail: "The deployment could not be released in time.",
  fix: "Deploy again, or promote it by a redeploy.",
};

/** `3`, or where groups have regions of their own `3, and of 1`. */
const countsOf = ({ sets }: Placing): string =>
  [...new Set(sets.map(({ length }) => length))].sort((a, b) => b - a).join(", and of ");
