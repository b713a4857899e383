/**
 * `npm run trial:deploys [DEPLOYS] [REQUESTS_A_SECOND]`: an app for Node.js is deployed to production again and again, each
 * time with another constant, while visitors ask for it. Ends with 1 when a request failed, or a visitor saw an older
 * deployment after a newer one.
 */

import { get } from "#tests/support/http.ts";
import { type Outcome, under } from "#tests/support/load.ts";
import { deployNode } from "#tests/support/node-functions.ts";
import { TestPlatform } from "#tests/support/platform.ts";

const DEPLOYS = Number(process.argv[2] ?? 50);
const A_SECOND = Number(process.argv[3] ?? 200);
const VISITORS = 20;

const platform = new TestPlatform();
try {
  await platform.start({ CLOUDIFY_REGIONS: "local" });
  const { client } = platform;
  const { id: project } = await client.request("POST /api/projects", { body: { name: "often" } });
  const deploy = (version: number) =>
    deployNode(client, project, { "api/version": `module.exports = (req, res) => res.end("${version}");` });
  const { aliases } = await deploy(0);
  const durations: number[] = [];
  const load = await under(
    () => get(`${aliases[0]}/api/version`),
    async (load) => {
      for (let version = 1; version <= DEPLOYS; version++) {
        const beganAt = Date.now();
        await deploy(version);
        durations.push(Date.now() - beganAt);
      }
      await load.more(null, A_SECOND);
    },
    A_SECOND,
  );
  const { failures, outcomes, slowestMs, aSecond } = load;
  const back = Array.from({ length: VISITORS }, (_, visitor) =>
    stepsBack(outcomes.filter(({ n }) => n % VISITORS === visitor)),
  );
  const goals = {
    "no request failed": failures.length === 0,
    "nobody went back to an older deployment": back.every((steps) => steps === 0),
    "the last deployment is served": outcomes.at(-1)?.text === String(DEPLOYS),
    "the load was as asked for": aSecond >= A_SECOND * 0.9,
  };
  const missed = Object.entries(goals).flatMap(([name, isMet]) => (isMet ? [] : name));
  const requests = { total: outcomes.length, aSecond, failed: failures.length, slowestMs };
  const seen = new Set(outcomes.map(({ text }) => text)).size;
  durations.sort((one, other) => one - other);
  const deployMs = { median: durations[durations.length >> 1], most: durations.at(-1) };
  console.log(
    JSON.stringify({
      deploys: DEPLOYS,
      deployMs,
      requests,
      firstFailure: failures[0],
      seen,
      back: stepsBack(outcomes),
      missed,
    }),
  );
  if (missed.length > 0) process.exitCode = 1;
} finally {
  await platform.remove();
}

/** @returns How many requests were answered by an older deployment than an answer that had ended before they began. */
function stepsBack(outcomes: readonly Outcome[]): number {
  const answered = outcomes.filter(({ failure }) => failure === null);
  const ends = answered.toSorted((one, other) => one.endedAt - other.endedAt);
  let [at, newest, steps] = [0, 0, 0];
  for (const { beganAt, text } of answered.toSorted((one, other) => one.beganAt - other.beganAt)) {
    for (let end = ends[at]; end && end.endedAt < beganAt; end = ends[++at])
      newest = Math.max(newest, Number(end.text));
    if (Number(text) < newest) steps++;
  }
  return steps;
}
