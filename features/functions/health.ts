/** Functions that ended their process: noted by the router for a while, so that lists can show it. Pure. */

/** Seconds: as long as a circuit can be open. */
export const NOTED_SECONDS = 3_600;

export const healthKey = (project: string, name: string): string => `unresponsive:${project}:${name}`;
