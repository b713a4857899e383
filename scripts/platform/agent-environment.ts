/** What of its own environment `npm start` hands on to the agents that it starts. Pure. */
import { StartError } from "@cloudify/platform";

type Environment = Record<string, string | undefined>;

const MAX_PORT = 65_535;

/**
 * What only one agent can have is not everybody's: of several, each has a port of its own for its numbers, from the one that
 * is given upwards, and none is told at which origin it is reached.
 *
 * @param count Of agents. @returns An environment for each, in their order. @throws StartError
 */
export function environmentsOf(own: Environment, count: number): Environment[] {
  const { CLOUDIFY_INGRESS_ORIGIN: origin, CLOUDIFY_METRICS_PORT: given, ...rest } = own;
  const first = portFrom(given, count);
  return Array.from({ length: count }, (_, at) => ({
    ...rest,
    ...(count === 1 && origin !== undefined && { CLOUDIFY_INGRESS_ORIGIN: origin }),
    // 0 is any that is free, for each of them.
    ...(first !== null && { CLOUDIFY_METRICS_PORT: String(first === 0 ? 0 : first + at) }),
  }));
}

/** @returns `null` without one; an agent takes an empty one for 0, too. */
function portFrom(text: string | undefined, count: number): number | null {
  if (text === undefined || count === 0) return null;
  const port = Number(text);
  const max = MAX_PORT - count + 1;
  if (!Number.isInteger(port) || port < 0 || port > max)
    throw new StartError(
      `CLOUDIFY_METRICS_PORT is ${JSON.stringify(text)}; with ${count} regions it can be a whole number from 0 to ${max}.`,
    );
  return port;
}
