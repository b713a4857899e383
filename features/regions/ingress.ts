/** Whether visitors' requests would reach a region: its ingress is asked what routers ask it, once, while somebody waits. */
import { HEALTH_PATH } from "@cloudify/protocol";
import type { Base } from "#core/ctx.ts";
import type { Millis } from "#core/time.ts";
import { PROBE_LIMIT_MS } from "./health.ts";

export interface Reached {
  isReachable: boolean;
  /** To the head of its answer, or until nobody waited for it any more. */
  ms: Millis;
  /** What is wrong; `null`: nothing. */
  detail: string | null;
}

/** What routers ask an ingress, and whoever wants to know what they would find. @param ingress Its origin. */
export async function askHealth(
  fetch: (url: string, init: RequestInit) => Promise<Response>,
  ingress: string,
): Promise<Pick<Response, "status" | "headers">> {
  const signal = AbortSignal.timeout(PROBE_LIMIT_MS);
  const answer = await fetch(`${ingress}${HEALTH_PATH}`, { redirect: "manual", signal });
  await answer.body?.cancel();
  return answer;
}

/** @param ingress Its origin. It never rejects. */
export async function reachIngress(
  { regionsNet, clock }: Pick<Base, "regionsNet" | "clock">,
  ingress: string,
): Promise<Reached> {
  const from = clock.now();
  const end = (detail: string | null): Reached => ({
    isReachable: detail === null,
    ms: clock.now() - from,
    detail,
  });
  try {
    const { status } = await askHealth((url, init) => regionsNet.fetch(url, init), ingress);
    return end(status === 200 ? null : faultOf(status));
  } catch (error) {
    return end(
      error instanceof Error && error.name === "TimeoutError"
        ? `Nothing answers there within ${PROBE_LIMIT_MS} ms.`
        : `It can't be reached: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** 503 is a region's own word; anything else comes from who does not know the path. */
const faultOf = (status: number): string =>
  status === 503
    ? "It says that it takes no requests at the moment."
    : `${HEALTH_PATH} is answered ${status} there: it leads to something else, or the agent has not set it up yet.`;
